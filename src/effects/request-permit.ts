import { RunbookError } from '../core/errors.ts'
import { effectPlace, storedEffect } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'

export type PermitResult =
  | { fence: number; lease: string }
  /** Why the permit is refused for good. The caller records the effect as `refused`. */
  | { refused: string }
  /** The effect that is already recorded, or an answer that is not an effect; the interpreter then decides how to continue. */
  | { answer: EffectAnswer }

/** The pause between two requests for a permit during a freeze. */
const ASK_FROZEN_MS = 5_000

/**
 * Requests the permit for this action's target. Throws while another gate holds the lease, and during a freeze: the caller must try
 * again. An approval waits for the end of the freeze while it is valid; after that its permit is refused as lapsed.
 */
export async function requestPermit(deps: EffectDeps, request: EffectRequest, leaseMs: number): Promise<PermitResult> {
  const answer = await deps.takePermit({
    gate: request.gate,
    target: request.action.target,
    proposalDigest: request.proposalDigest,
    action: request.action,
    recheckedAt: request.recheckedAt,
    leaseMs,
  })
  if (answer.granted) {
    // Before this permit was granted, another attempt could record a refusal (refuse-untried.ts).
    const stored = await storedEffect(deps.database, effectPlace(request))
    return stored ? { answer: { effect: stored } } : { fence: answer.fence, lease: answer.lease }
  }
  const { reason, message } = answer
  if (reason === 'stale') return { answer: { stale: true, message } }
  if (reason === 'cancelled') return { answer: { cancelled: true, message } }
  if (reason === 'withdrawn' || reason === 'lapsed') return { answer: { over: true, message } }
  if (reason === 'busy')
    throw new RunbookError('RUNBOOK_CONFLICT', message, { reason, retryAfterMs: answer.retryAfterMs })
  if (reason === 'frozen') throw new RunbookError('RUNBOOK_CONFLICT', message, { reason, retryAfterMs: ASK_FROZEN_MS })
  return { refused: `no permit (${reason}): ${message}` }
}
