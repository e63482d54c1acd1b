import { RunbookError } from '../core/errors.ts'
import type { GateView, IncidentView } from '../engine/views/view-types.ts'
import type { Client } from './client.ts'
import { clockText } from './render/age.ts'

const SHORTEST_DIGEST = 12

/**
 * The gate of an incident that is open now. A digest that was said, in full or at least its first 12 digits, must be its proposal's:
 * what is then decided is the proposal that the person looked at. Throws `RUNBOOK_CONFLICT`, or `RUNBOOK_BAD_INPUT`.
 */
export async function openGateOf(client: Client, id: string, digest: string | undefined): Promise<GateView> {
  const view = await client.show(id)
  const gate = view.rounds.at(-1)?.gate
  if (gate?.state !== 'open') throw new RunbookError('RUNBOOK_CONFLICT', nothingToDecide(view))
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

function nothingToDecide({ id, outcome, state, rounds }: IncidentView): string {
  const gate = rounds.at(-1)?.gate
  if (outcome === null && gate?.state === 'approved') {
    const people = gate.decisions.filter((one) => one.decision === 'approve' && !one.withdrawn)
    const by = people.map(({ person, at }) => `${person} at ${clockText(at)}`).join(', ')
    return `${gate.id} is approved already${by ? `, by ${by}` : ''}; follow it with "runbook watch ${id}"`
  }
  return `${id} has nothing to decide: it is ${outcome ?? state}`
}

/** Why somebody breaks the glass; undefined where they do not. Both options or none: `RUNBOOK_BAD_INPUT`. */
export function glassReason({ breakGlass, reason }: { breakGlass?: true; reason?: string }): string | undefined {
  if (breakGlass === (reason === undefined ? undefined : true)) return reason
  throw new RunbookError(
    'RUNBOOK_BAD_INPUT',
    'breaking the glass takes both: --break-glass --reason "why it cannot wait"',
  )
}
