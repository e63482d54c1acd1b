import type { GateResolution } from '../src/core/decision.ts'
import { sha256Hex } from '../src/core/canonical.ts'
import { isRunbookError, type ErrorCode, type RunbookError } from '../src/core/errors.ts'
import { formatPlace } from '../src/core/place.ts'
import { decideByToken } from '../src/gate/decide.ts'
import { readGate } from '../src/gate/gates.ts'
import { resolveGateRow } from '../src/gate/gate-resolution.ts'
import { recordRefusal } from '../src/gate/tallies.ts'
import { transaction, type Database } from '../src/history/database.ts'
import type { ActivityDependencies } from './dependencies.ts'

/**
 * Returns the state of the gate. Tokens from signals are first passed to the decide function. A refused token changes nothing; its refusal
 * is recorded.
 */
export async function resolveGate(
  dependencies: ActivityDependencies,
  gate: string,
  tokens: string[],
): Promise<GateResolution> {
  const { database } = dependencies
  for (const token of tokens)
    await decideByToken({ ...dependencies, wakeWorkflow: async () => {} }, token).catch(async (error: unknown) => {
      if (!isRunbookError(error) || error.code === 'RUNBOOK_UNREACHABLE') throw error
      // The decide function does not record tokens that it could not verify, because the person named in such a token may not have sent it.
      if (UNVERIFIED.includes(error.code)) await recordUnverified(database, gate, token, error)
    })
  return resolveGateRow(database, gate)
}

const UNVERIFIED: ErrorCode[] = ['RUNBOOK_NOT_AUTHENTICATED', 'RUNBOOK_BAD_INPUT', 'RUNBOOK_NOT_FOUND']

async function recordUnverified(database: Database, id: string, token: string, { code, message }: RunbookError) {
  const { incident, round } = await readGate(database, id)
  const event = { actor: 'signal', kind: 'denied' as const, data: { gate: id, code, why: message } }
  const place = formatPlace({ kind: 'denied', round, tokenDigest: sha256Hex(token) })
  await transaction(database, (connection) => recordRefusal(connection, incident, { ...event, place }))
}
