import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { humanDuration } from '../../core/duration.ts'
import { IR_VERSION } from '../../core/plan.ts'
import type { Config } from '../../config/config.ts'
import type { Secret } from '../../config/secret.ts'
import { publicKeyOf } from '../../gate/keyring.ts'
import { openDatabase } from '../../history/database.ts'
import { GRACE_MS, otherVersions, type OtherVersion } from '../close-outdated.ts'
import { readWorkers, REPORT_INTERVAL_MS, RUNS_MS, type KnownWorker } from '../../history/workers.ts'

const ANSWER_TIMEOUT_MS = 4_000
const MAX_SILENT_MS = 3 * REPORT_INTERVAL_MS
/** Stalls before this time are not reported. */
const SHOWN_MS = 24 * 3_600_000

/**
 * Finds workers that stood still or stand still now, workers that do not know the signing key, and incidents that wait for workers of
 * another version. `polling`: the workers that poll Temporal, as `pid@host`.
 */
export async function doctorWorkers(
  config: Pick<Config, 'database' | 'signing'>,
  polling: string[],
): Promise<DoctorFinding[]> {
  const database = openDatabase(config.database.reveal(), {
    max: 1,
    name: 'runbook doctor',
    answerMs: ANSWER_TIMEOUT_MS,
  })
  try {
    const workers = await readWorkers(database)
    return [
      ...stallFindings(workers, polling),
      ...keyFindings(workers, config.signing.key),
      ...versionFindings(await otherVersions(database)),
    ]
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

/** The workers that run and do not know the signing key of this configuration. They refuse what is approved with it. */
export function keyFindings(workers: KnownWorker[], key: Secret): DoctorFinding[] {
  // The check of the signing key says that it is missing.
  if (!key.known) return []
  const current = publicKeyOf(key.reveal())
  return workers
    .filter(({ silentMs }) => silentMs < RUNS_MS)
    .filter(({ signingKeys }) => signingKeys !== null && !signingKeys.includes(current))
    .map(({ identity }) => ({
      name: 'signing key of a worker',
      ok: false,
      detail: `worker ${identity} does not know ${current}, the signing key of this configuration. It refuses remedies that are approved with this key`,
      fix: `give it the same signing.key and signing.previous: restart it if its environment has the key; if it runs with .runbook/env, its log says why it keeps an older version of the files`,
    }))
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
