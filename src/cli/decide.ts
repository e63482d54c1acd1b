import { RunbookError } from '../core/errors.ts'
import type { GateView } from '../engine/views.ts'
import type { Client } from './client.ts'

const SHORTEST_DIGEST = 12

/**
 * The gate of an incident that is open now. A digest that was said, in full or at least its first 12 digits, must be its proposal's:
 * what is then decided is the proposal that the person looked at. Throws `RUNBOOK_CONFLICT`, or `RUNBOOK_BAD_INPUT`.
 */
export async function openGateOf(client: Client, id: string, digest: string | undefined): Promise<GateView> {
  const view = await client.show(id)
  const gate = view.rounds.at(-1)?.gate
  if (gate?.state !== 'open')
    throw new RunbookError('RUNBOOK_CONFLICT', `${id} has nothing to decide: it is ${view.outcome ?? view.state}`)
  if (digest === undefined) return gate
  if (!/^[0-9a-f]+$/.test(digest) || digest.length < SHORTEST_DIGEST || digest.length > 64)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `--digest: ${JSON.stringify(digest)} is not a digest: give all 64 hex digits, or at least the first ${SHORTEST_DIGEST}`,
    )
  if (!gate.proposalDigest.startsWith(digest))
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `${gate.id} holds another proposal now (${gate.proposalDigest.slice(0, SHORTEST_DIGEST)}): look at it with "runbook show ${id}"`,
    )
  return gate
}

/** Why somebody breaks the glass; undefined where they do not. Both options or none: `RUNBOOK_BAD_INPUT`. */
export function glassReason({ breakGlass, reason }: { breakGlass?: true; reason?: string }): string | undefined {
  if (breakGlass === (reason === undefined ? undefined : true)) return reason
  throw new RunbookError(
    'RUNBOOK_BAD_INPUT',
    'breaking the glass takes both: --break-glass --reason "why it cannot wait"',
  )
}
