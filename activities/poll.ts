import { parseStage } from '../src/core/place.ts'
import { recordEvidence, setState } from '../src/history/record.ts'
import type { PollAnswer, PollRequest } from '../src/interpreter/host.ts'
import { poll as pollChecks } from '../src/interpreter/poll.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { runCheck } from './checks/run-check.ts'

/** When the polling began; the activity's heartbeat keeps it over a crash. */
export interface PollClock {
  startedAt: number
  /** Throws if the activity was cancelled. */
  sleep(ms: number): Promise<void>
}

/** Polls inside one activity, so that waiting for minutes adds no events to the workflow's history. The last sample is stored as evidence. */
export async function poll(
  { database, targets }: ActivityDependencies,
  incident: string,
  request: PollRequest,
  clock: PollClock,
): Promise<PollAnswer> {
  if (parseStage(request.place)?.at === 'verify') await setState(database, incident, 'verifying')
  const polled = await pollChecks(
    {
      runChecks: (requests) => Promise.all(requests.map((one) => runCheck(one, targets))),
      elapsedMs: () => Date.now() - clock.startedAt,
      sleep: (ms) => clock.sleep(ms),
      cancelled: async () => {
        const found = await database.query<{ cancelled: boolean }>(
          'SELECT cancelled_at IS NOT NULL AS cancelled FROM runbook.incidents WHERE id = $1',
          [incident],
        )
        return found.rows[0]?.cancelled ?? false
      },
    },
    request,
  )
  const { last, parameters, ...answer } = polled
  await recordEvidence(database, incident, last, parameters)
  return answer
}
