import { RunbookError } from '../core/errors.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'

export type Leave =
  | { fence: number; lease: string }
  /** It was not given, for good: to be recorded as `refused`. */
  | { refused: string }
  /** Not an effect: the interpreter's turn. */
  | { answer: EffectAnswer }

/** Asks the gate for leave to apply. Throws while something else holds the lease: to be tried again. */
export async function askPermit(deps: EffectDeps, request: EffectRequest, leaseMs: number): Promise<Leave> {
  const answer = await deps.takePermit({
    gate: request.gate,
    target: request.action.target,
    recheckedAt: request.recheckedAt,
    leaseMs,
  })
  if (answer.granted) return { fence: answer.fence, lease: answer.lease }
  const { reason, message } = answer
  if (reason === 'stale') return { answer: { stale: true, message } }
  if (reason === 'cancelled') return { answer: { cancelled: true, message } }
  if (reason === 'withdrawn' || reason === 'lapsed') return { answer: { over: true, message } }
  if (reason === 'busy') throw new RunbookError('RUNBOOK_CONFLICT', message, { reason })
  return { refused: `no permit (${reason}): ${message}` }
}
