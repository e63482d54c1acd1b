import { digest } from '../src/core/canonical.ts'
import type { Evidence } from '../src/core/evidence.ts'
import { parseCheckPlace } from '../src/core/place.ts'
import type { Database } from '../src/history/database.ts'
import { evidenceBody, recordEvidence } from '../src/history/record.ts'
import type { CheckRequest } from '../src/interpreter/host.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { runCheck } from './checks/run-check.ts'

/**
 * Runs a wave of checks in parallel and stores each result at its place, in one transaction. Returns what is stored there: if a wave ran
 * twice after a crash, the first results count.
 */
export async function runChecks(
  { database, targets }: Pick<ActivityDependencies, 'database' | 'targets'>,
  incident: string,
  requests: CheckRequest[],
): Promise<Evidence[]> {
  const stages = requests.map((request) => parseCheckPlace(request.place)?.stage.at)
  // A permit compares the age of a re-check's evidence with the engine's database: by that clock, read before anything is observed.
  const startedAt = stages.includes('recheck') ? await readNow(database) : new Date().toISOString()
  const found = await Promise.all(
    requests.map((request) =>
      request.unavailable === undefined ? runCheck(request, targets, startedAt) : unavailable(request, startedAt),
    ),
  )
  const parameters = Object.fromEntries(requests.map((request) => [request.place, request.parameters]))
  // Only the diagnosis changes the incident's state; checks at other stages run within the states `applying` and `verifying`.
  const state = stages.includes('diagnose') ? 'diagnosing' : undefined
  return recordEvidence(database, incident, found, parameters, state)
}

function unavailable({ place, name, kind, unavailable: error = '' }: CheckRequest, startedAt: string): Evidence {
  const failed = { status: 'failed' as const, error }
  const ref = digest(evidenceBody(failed))
  return { place, name, kind, ...failed, ref, truncated: false, startedAt, durationMs: 0 }
}

async function readNow(database: Database): Promise<string> {
  const found = await database.query<{ now: Date }>('SELECT clock_timestamp() AS now')
  return found.rows[0]!.now.toISOString()
}
