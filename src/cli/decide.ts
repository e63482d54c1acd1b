import { RunbookError } from '../core/errors.ts'
import type { GateView, IncidentView } from '../engine/views/view-types.ts'
import type { Client } from './client.ts'
import { clockText } from './render/age.ts'

const MIN_DIGEST_LENGTH = 12

/**
 * Returns the open gate of an incident. A digest (all of it, or at least its first 12 digits) must match the gate's proposal, so that the
 * person decides the proposal that they read. Throws `RUNBOOK_CONFLICT` or `RUNBOOK_BAD_INPUT`.
 */
export async function findOpenGate(client: Client, id: string, digest: string | undefined): Promise<GateView> {
  const view = await client.show(id)
  const gate = view.rounds.at(-1)?.gate
  if (gate?.state !== 'open') throw new RunbookError('RUNBOOK_CONFLICT', whyNoOpenGate(view))
  if (digest === undefined) return gate
  if (!/^[0-9a-f]+$/.test(digest) || digest.length < MIN_DIGEST_LENGTH || digest.length > 64)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `--digest: ${JSON.stringify(digest)} is not a digest. Give all 64 hex digits, or at least the first ${MIN_DIGEST_LENGTH}.`,
    )
  if (!gate.proposalDigest.startsWith(digest))
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `${gate.id} now has another proposal, with digest ${gate.proposalDigest.slice(0, MIN_DIGEST_LENGTH)}. Read it with "runbook show ${id}" and decide again.`,
    )
  return gate
}

function whyNoOpenGate({ id, outcome, state, rounds }: IncidentView): string {
  const gate = rounds.at(-1)?.gate
  if (outcome === null && gate?.state === 'approved') {
    const approvals = gate.decisions.filter((one) => one.decision === 'approve' && !one.withdrawn)
    const by = approvals.map(({ person, at }) => `${person} at ${clockText(at)}`).join(', ')
    return `${gate.id} is already approved${by ? ` by ${by}` : ''}. Follow it with "runbook watch ${id}".`
  }
  if (outcome === null && (gate?.state === 'overdue' || gate?.state === 'cancelling'))
    return `${gate.id} cannot be decided: ${gate.why}. See "runbook show ${id}".`
  const situation = outcome === null ? `it is ${state}` : `the incident is closed: ${outcome}`
  return `${id} has no open proposal: ${situation}. See "runbook show ${id}".`
}

/** The reason of a break-glass approval; undefined for an ordinary one. Throws `RUNBOOK_BAD_INPUT` if only one of the two options is given. */
export function breakGlassReason({ breakGlass, reason }: { breakGlass?: true; reason?: string }): string | undefined {
  if (breakGlass === (reason === undefined ? undefined : true)) return reason
  throw new RunbookError(
    'RUNBOOK_BAD_INPUT',
    '--break-glass and --reason must be used together. Give both: --break-glass --reason "why it cannot wait".',
  )
}
