import { ApplicationFailure } from '@temporalio/common'
import { digest } from '../src/core/canonical.ts'
import type { Evidence } from '../src/core/evidence.ts'
import { gateId } from '../src/core/incident.ts'
import { formatStage, parseCheckPlace, type CheckStage } from '../src/core/place.ts'
import { readNow, type Database } from '../src/history/database.ts'
import { endOutages } from '../src/history/outages.ts'
import { evidenceBody, recordEvidence, setState } from '../src/history/record.ts'
import type { CheckRequest } from '../src/interpreter/host.ts'
import type { Targets } from '../src/targets/targets.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { observe, type Observation } from './checks/run-check.ts'
import { INCIDENT_CANCELLED } from '../src/interpreter/incident-cancelled.ts'
import { cancelledBy, throwWhileDown, type WaitPlace } from './wait-while-down.ts'

/**
 * Runs a wave of checks in parallel and stores each result at its place, in one transaction. Returns what is stored
 * there: if a wave ran twice after a crash, the first results count.
 *
 * While a connection is down, this throws before anything is stored, and the caller tries again. After the end of the wait, the evidence says that the system cannot be reached. `mayHaveWaited` says whether an earlier call may
 * have thrown for this reason.
 */
export async function runChecks(
  dependencies: Pick<ActivityDependencies, 'database' | 'targets' | 'waitWhileDownMs'>,
  incident: string,
  requests: CheckRequest[],
  mayHaveWaited = false,
): Promise<Evidence[]> {
  const { database, targets } = dependencies
  const stages = requests.flatMap((request) => parseCheckPlace(request.place)?.stage ?? [])
  if (stages.some((stage) => stage.at === 'diagnose' && stage.look !== undefined))
    await throwIfCancelled(database, incident)
  // A permit compares the time of a re-check's evidence with the clock of the engine's database. So the time is read from that clock before
  // the checks run.
  const startedAt = stages.some(({ at }) => at === 'recheck')
    ? (await readNow(database)).toISOString()
    : new Date().toISOString()
  const observations = await Promise.all(requests.map((request) => observeRequest(request, targets, startedAt)))
  const down = observations.flatMap((one) => one.down ?? [])
  let found = observations.map(({ evidence }) => evidence)
  // Only the diagnosis changes the incident's state; checks at other stages run within the states `applying` and `verifying`.
  const state = stages.some(({ at }) => at === 'diagnose') ? 'diagnosing' : undefined
  if (down.length > 0) {
    if (state) await setState(database, incident, state)
    const note = await throwWhileDown(dependencies, placeOf(incident, stages[0]), down)
    found = observations.map((one) => withNote(one, note))
  } else if (mayHaveWaited) await endOutages(database, incident, true)
  const parameters = Object.fromEntries(requests.map((request) => [request.place, request.parameters]))
  return recordEvidence(database, incident, found, parameters, state)
}

/**
 * Ends a repeated diagnosis if the incident was cancelled. No other step of the diagnosis reads the incident's row, and the person who
 * cancels must not wait for the end of the diagnosis.
 */
async function throwIfCancelled(database: Database, incident: string): Promise<void> {
  const by = await cancelledBy(database, incident)
  if (by === undefined) return
  throw ApplicationFailure.nonRetryable(`cancelled by ${by} before the checks ran again`, INCIDENT_CANCELLED)
}

function placeOf(incident: string, stage: CheckStage | undefined): WaitPlace {
  if (!stage) return { incident, stage: '' }
  // All runs of the diagnosis in one round share a wait: if a connection did not answer within the first wait, the engine does not wait for
  // it again.
  const shared: CheckStage = stage.at === 'diagnose' ? { at: 'diagnose', round: stage.round } : stage
  const place = { incident, stage: formatStage(shared) }
  // At a re-check the approval waits too, so the wait ends when the approval is no longer valid.
  return stage.at === 'recheck' ? { ...place, gate: gateId(incident, stage.round) } : place
}

/** The evidence of an observation. If the connection was down, its error also says how long the engine waited. */
export function withNote({ evidence, down }: Observation, note: string): Evidence {
  if (!down) return evidence
  const error = `${evidence.error ?? down.why}; ${note}`
  return { ...evidence, error, ref: digest(evidenceBody({ status: evidence.status, error })) }
}

/** Runs one check and stores nothing. If the check cannot run, its result is a failure. */
export async function observeRequest(
  request: CheckRequest,
  targets: Targets,
  startedAt = new Date().toISOString(),
): Promise<Observation> {
  return request.unavailable === undefined ? observe(request, targets, startedAt) : unavailable(request, startedAt)
}

function unavailable({ place, name, kind, unavailable: error = '' }: CheckRequest, startedAt: string): Observation {
  const failed = { status: 'failed' as const, error }
  const ref = digest(evidenceBody(failed))
  return { evidence: { place, name, kind, ...failed, ref, truncated: false, startedAt, durationMs: 0 } }
}
