import { ApplicationFailure } from '@temporalio/common'
import { scrubSecrets } from '../src/config/secret.ts'
import { cutText, toStorable } from '../src/core/storable.ts'
import { humanDuration } from '../src/core/duration.ts'
import { RunbookError } from '../src/core/errors.ts'
import { resolveGateRow } from '../src/gate/gate-resolution.ts'
import { hasPermit, lapsesAt, readGate } from '../src/gate/gates.ts'
import type { Database } from '../src/history/database.ts'
import { beginOutage, endOutages } from '../src/history/outages.ts'
import { INCIDENT_CANCELLED } from '../src/interpreter/incident-cancelled.ts'
import type { ActivityDependencies } from './dependencies.ts'
import type { Down } from './checks/run-check.ts'

const DEFAULT_WAIT_MS = 600_000
const MAX_WHY_LENGTH = 1_000

/** Where an incident waits. `gate` is present after an approval, which then limits the wait. */
export interface WaitPlace {
  incident: string
  stage: string
  gate?: string
  /**
   * True if an effect may have been started. Then the engine waits even if the incident was cancelled or the approval
   * has ended.
   */
  isBegun?: boolean
}

/**
 * The state of a wait. `waiting` means that the caller tries again. `over` means that the incident continues without
 * the connection; the text says how long it waited. `ended` means that the approval is no longer valid, and `cancelled`
 * that a person cancelled the incident.
 */
export type WaitState = { waiting: string } | { over: string } | { ended: string } | { cancelled: string }

/** Begins or continues the wait of an incident for connections that are down. The wait is recorded in the history and has a time limit. */
export async function waitWhileDown(
  { database, waitWhileDownMs = DEFAULT_WAIT_MS }: Pick<ActivityDependencies, 'database' | 'waitWhileDownMs'>,
  place: WaitPlace,
  down: Down[],
): Promise<WaitState> {
  const { incident, stage } = place
  const limit = await limitOf(database, place)
  if ('cancelled' in limit || 'ended' in limit) {
    await endOutages(database, incident, false)
    return limit
  }
  const names = [...new Set(down.map(({ connection }) => connection))]
  let isOver = false
  for (const connection of names) {
    const { why: said } = down.find((one) => one.connection === connection)!
    // The error of a driver does not name the connection that failed.
    const named = said.startsWith('connection ') ? said : `connection ${connection} failed: ${said}`
    const why = cutText(toStorable(scrubSecrets(named)), MAX_WHY_LENGTH)
    const wait = { connection, why, stage, waitMs: waitWhileDownMs, ...limit }
    if ((await beginOutage(database, incident, wait)).isOver) isOver = true
  }
  const waited = `waited for ${names.join(', ')}`
  if (!isOver) return { waiting: `${waited}: ${down[0]!.why}; trying again` }
  const longest = Math.max(0, ...(await endOutages(database, incident, false)).map(({ tookMs }) => tookMs))
  return { over: longest > 0 ? `${waited} for ${humanDuration(longest)}` : `${waited} before, without an answer` }
}

/** How long the incident may wait. An approval that is not in use yet waits for as long as it is valid. */
async function limitOf(
  database: Database,
  { incident, gate: gateId, isBegun }: WaitPlace,
): Promise<{ waitMs?: number; latest?: Date } | Exclude<WaitState, { waiting: string } | { over: string }>> {
  if (isBegun) return {}
  if (gateId === undefined) {
    const by = await cancelledBy(database, incident)
    return by === undefined ? {} : { cancelled: `cancelled by ${by}` }
  }
  const now = await resolveGateRow(database, gateId)
  if (now.state === 'cancelled') return { cancelled: now.why }
  if (now.state === 'approved' && now.cancelled) return { cancelled: 'the incident was cancelled' }
  if (now.state !== 'approved') return { ended: 'why' in now ? now.why : `the gate is ${now.state}` }
  const gate = await readGate(database, gateId)
  if (gate.decidedAt === null || (await hasPermit(database, gateId))) return {}
  return { waitMs: gate.proposal.approval.validForMs, latest: lapsesAt(gate) }
}

/** Who cancelled the incident; undefined if nobody did. */
export async function cancelledBy(database: Database, incident: string): Promise<string | undefined> {
  const found = await database.query<{ by: string | null }>(
    'SELECT cancelled_by AS by FROM runbook.incidents WHERE id = $1 AND cancelled_at IS NOT NULL',
    [incident],
  )
  return found.rows[0] && (found.rows[0].by ?? 'somebody')
}

/**
 * Throws while the wait lasts, so that Temporal runs the activity again. Once the wait is over, it returns the text to
 * add to the failure.
 */
export async function throwWhileDown(
  dependencies: Pick<ActivityDependencies, 'database' | 'waitWhileDownMs'>,
  place: WaitPlace,
  down: Down[],
): Promise<string> {
  const wait = await waitWhileDown(dependencies, place, down)
  if ('waiting' in wait) throw new RunbookError('RUNBOOK_UNREACHABLE', wait.waiting)
  if ('cancelled' in wait)
    throw ApplicationFailure.nonRetryable(
      `${wait.cancelled} while it waited for ${down[0]!.connection}`,
      INCIDENT_CANCELLED,
    )
  return 'over' in wait ? wait.over : `the engine stopped waiting for the system: ${wait.ended}`
}
