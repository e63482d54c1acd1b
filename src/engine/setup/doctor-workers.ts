import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { humanDuration } from '../../core/duration.ts'
import { IR_VERSION } from '../../core/plan.ts'
import type { Config } from '../../config/config.ts'
import { openDatabase } from '../../history/database.ts'
import { GRACE_MS, otherVersions, type OtherVersion } from '../close-outdated.ts'
import { readWorkers, REPORT_INTERVAL_MS, type KnownWorker } from '../../history/workers.ts'

const ANSWER_TIMEOUT_MS = 4_000
const MAX_SILENT_MS = 3 * REPORT_INTERVAL_MS
/** Stalls before this time are not reported. */
const SHOWN_MS = 24 * 3_600_000

/**
 * Finds workers that stood still or stand still now, and incidents that wait for workers of another version. `polling`: the workers that
 * poll Temporal, as `pid@host`.
 */
export async function doctorWorkers(config: Pick<Config, 'database'>, polling: string[]): Promise<DoctorFinding[]> {
  const database = openDatabase(config.database.reveal(), {
    max: 1,
    name: 'runbook doctor',
    answerMs: ANSWER_TIMEOUT_MS,
  })
  try {
    return [...stallFindings(await readWorkers(database), polling), ...versionFindings(await otherVersions(database))]
  } finally {
    await database.end()
  }
}

export function stallFindings(workers: KnownWorker[], polling: string[]): DoctorFinding[] {
  return workers.flatMap((worker, i) => {
    // A worker that was started again may have the same process number as before.
    const isLatest = workers.findIndex(({ identity }) => identity === worker.identity) === i
    const found = [...(isLatest && polling.includes(worker.identity) ? silence(worker) : []), ...stalls(worker)]
    if (found.length === 0) return []
    return [
      {
        name: 'worker stalls',
        ok: true,
        warning: true,
        detail: `worker ${worker.identity} ${found.join('; ')}`,
        fix: 'give it more processors or memory, or run another worker on another machine; its log says when it stood still',
      },
    ]
  })
}

/** Incidents of another version are not reported while a worker of that version runs, because they continue. */
export function versionFindings(versions: OtherVersion[]): DoctorFinding[] {
  return versions
    .filter(({ seenMs }) => seenMs === null || seenMs > MAX_SILENT_MS)
    .map(({ version, incidents, seenMs }) => ({
      name: 'worker versions',
      ok: true,
      warning: true,
      detail: `${incidents === 1 ? '1 open incident waits' : `${incidents} open incidents wait`} for a worker that runs plans of version ${version}; this version runs ${IR_VERSION}. Such a worker was ${seenMs === null ? 'not seen for days' : `last seen ${humanDuration(seenMs)} ago`}`,
      fix: `start a worker of that version; ${humanDuration(GRACE_MS)} after the last worker of that version was seen, these incidents are closed as failed`,
    }))
}

function silence({ silentMs }: KnownWorker): string[] {
  if (silentMs <= MAX_SILENT_MS) return []
  return [
    `polls Temporal, but has not reported for ${humanDuration(silentMs)}: it is suspended or too busy, or does not reach the engine's database`,
  ]
}

function stalls({ stalls: count, maxStallMs, lastStallMs, lastStallAt, lastStallAgoMs }: KnownWorker): string[] {
  if (lastStallMs === null || lastStallAgoMs === null || lastStallAgoMs > SHOWN_MS) return []
  const ago = `${humanDuration(lastStallAgoMs)} ago, at ${lastStallAt}`
  const times = count === 1 ? 'once' : `${count} times, for at most ${humanDuration(maxStallMs)},`
  return [`stood still ${times} since it started: last for ${humanDuration(lastStallMs)}, ${ago}`]
}
