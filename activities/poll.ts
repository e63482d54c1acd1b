import { humanDuration } from '../src/core/duration.ts'
import type { Evidence } from '../src/core/evidence.ts'
import { parseStage } from '../src/core/place.ts'
import { readNow, type Database } from '../src/history/database.ts'
import { endOutages } from '../src/history/outages.ts'
import { recordEvidence, setState } from '../src/history/record.ts'
import type { CheckRequest, PollAnswer, PollRequest } from '../src/interpreter/host.ts'
import { poll as pollChecks } from '../src/interpreter/poll.ts'
import type { ActivityDependencies } from './dependencies.ts'
import { observe } from './checks/run-check.ts'
import { withNote } from './run-checks.ts'
import { waitWhileDown } from './wait-while-down.ts'

export interface PollClock {
  times: PollTimes
  /** Throws if the activity was cancelled. */
  sleep(ms: number): Promise<void>
}

/** The data in the activity's heartbeat, which is kept if the worker crashes. */
export interface PollTimes {
  /**
   * When the polling began, in milliseconds by the clock of the engine's database, because the next attempt may run on another machine.
   * Absent if the polling has not begun.
   */
  startedAt?: number
  /** How long the polling has waited for connections since it began. */
  waitedMs: number
}

/** The pause between two attempts to reach a connection that is down. */
const TRY_AGAIN_MS = 2_000

/**
 * Polls inside one activity, so that a wait of minutes adds no events to the workflow's history. The last sample is stored as evidence.
 * While a connection is down, no samples are taken, and this time does not count towards `within`.
 */
export async function poll(
  dependencies: ActivityDependencies,
  incident: string,
  request: PollRequest,
  clock: PollClock,
): Promise<PollAnswer> {
  const { database } = dependencies
  const elapsedMs = await stopwatch(database, clock.times)
  if (parseStage(request.place)?.at === 'verify') await setState(database, incident, 'verifying')
  const sampler = samplerOf(dependencies, incident, request, clock)
  const polled = await pollChecks(
    {
      ...sampler,
      elapsedMs,
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
  if (clock.times.waitedMs === 0) return answer
  return {
    ...answer,
    detail: `${answer.detail}, not counting the ${humanDuration(clock.times.waitedMs)} in which a connection was down`,
  }
}

/**
 * Returns a function that returns how long the polling has lasted, without the waits. The result stays correct if the clock of the machine
 * is changed, or differs from the clock of the machine of an earlier attempt.
 */
async function stopwatch(database: Database, times: PollTimes): Promise<() => number> {
  const now = (await readNow(database)).getTime()
  times.startedAt ??= now
  const before = Math.max(0, now - times.startedAt)
  const since = performance.now()
  return () => before + performance.now() - since - times.waitedMs
}

function samplerOf(
  dependencies: ActivityDependencies,
  incident: string,
  { place }: PollRequest,
  clock: PollClock,
): { runChecks(requests: CheckRequest[]): Promise<Evidence[]>; wasInterrupted(): boolean } {
  // An earlier attempt may have ended while it waited.
  let mayHaveWaited = clock.times.waitedMs > 0
  let interrupted = false
  return {
    wasInterrupted: () => {
      const was = interrupted
      interrupted = false
      return was
    },
    async runChecks(requests) {
      for (;;) {
        const since = performance.now()
        const observations = await Promise.all(requests.map((one) => observe(one, dependencies.targets)))
        const down = observations.flatMap((one) => one.down ?? [])
        if (down.length === 0) {
          if (mayHaveWaited) await endOutages(dependencies.database, incident, true)
          mayHaveWaited = false
          return observations.map(({ evidence }) => evidence)
        }
        const wait = await waitWhileDown(dependencies, { incident, stage: place }, down)
        interrupted = true
        if (!('waiting' in wait)) {
          const note = 'over' in wait ? wait.over : 'the engine stopped waiting for the system'
          return observations.map((one) => withNote(one, note))
        }
        mayHaveWaited = true
        await clock.sleep(TRY_AGAIN_MS)
        clock.times.waitedMs += performance.now() - since
      }
    },
  }
}
