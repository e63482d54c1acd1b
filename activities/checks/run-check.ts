import { setTimeout as sleep } from 'node:timers/promises'
import { scrubSecrets } from '../../src/config/secret.ts'
import { withSignal } from '../../src/core/abort.ts'
import { digest } from '../../src/core/canonical.ts'
import { humanDuration } from '../../src/core/duration.ts'
import { isRunbookError, messageOf, RunbookError } from '../../src/core/errors.ts'
import type { Evidence } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { cutText, toStorable } from '../../src/core/storable.ts'
import { withPausableLimit, type LimitedWork } from '../../src/targets/waiting.ts'
import { evidenceBody } from '../../src/history/record.ts'
import { isDown } from '../../src/targets/connection-down.ts'
import { isBusy } from '../../src/targets/open-postgres.ts'
import { stalledError, stalledMs } from '../../src/targets/stalls.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { checkTable } from './check-table.ts'
import { memoryOfCheck } from './memory-of-check.ts'

export interface CheckRun {
  /** The check's name in the runbook. */
  name: string
  /** The check's kind, such as `sql.query`. */
  kind: string
  /** The parameters with their final values. */
  parameters: JsonObject
  /** The time limit for all attempts together. */
  timeoutMs: number
  /** How many times the check is repeated after a failure. */
  retries: number
  /** The place of the evidence, such as `r1/check/jobs`. */
  place: string
}

const RETRY_DELAY_MS = 200
const MAX_ERROR_LENGTH = 1_000

/**
 * Runs one check. Throws only while this process is too busy to run it, or if the process was suspended or too busy for half of the check's
 * time (`isBusy`), because such a failure is no evidence. A check that fails or takes too long becomes evidence with the status `failed` or
 * `timeout`, and an `error` without secrets. The result is redacted and within the limits, ready to be stored.
 */
export async function runCheck(
  check: CheckRun,
  targets: Targets,
  startedAt = new Date().toISOString(),
): Promise<Evidence> {
  return (await observe(check, targets, startedAt)).evidence
}

/**
 * The result of a check. `down` means that the check failed because its connection cannot be reached. Then the caller may run the check
 * again instead of storing the failure.
 */
export interface Observation {
  evidence: Evidence
  down?: Down
}

export interface Down {
  connection: string
  why: string
}

/** Like `runCheck`, but also returns whether the connection was down. */
export async function observe(
  check: CheckRun,
  targets: Targets,
  startedAt = new Date().toISOString(),
): Promise<Observation> {
  const before = stalledMs()
  const found = await withPausableLimit(check.timeoutMs, (limited) => runLimited(check, targets, startedAt, limited))
  const stalled = stalledMs() - before
  if (stalled > check.timeoutMs / 2) throw stalledError(stalled)
  return found
}

async function runLimited(
  check: CheckRun,
  targets: Targets,
  startedAt: string,
  limited: LimitedWork,
): Promise<Observation> {
  const about = { place: check.place, name: check.name, kind: check.kind, startedAt }
  const elapsed = () => Math.round(limited.elapsed())
  try {
    const result = await runTries(check, targets, limited)
    const truncated = result.truncated === true
    const ref = digest(evidenceBody({ status: 'ok', result }))
    return { evidence: { ...about, status: 'ok', result, ref, truncated, durationMs: elapsed() } }
  } catch (thrown) {
    if (isBusy(thrown)) throw thrown
    const timedOut = limited.signal.aborted || (isRunbookError(thrown) && thrown.detail.timeout === true)
    const error = timedOut
      ? `no result within ${humanDuration(check.timeoutMs)}`
      : cutText(toStorable(scrubSecrets(messageOf(thrown))), MAX_ERROR_LENGTH)
    const status = timedOut ? 'timeout' : 'failed'
    const ref = digest(evidenceBody({ status, error }))
    const evidence: Evidence = { ...about, status, error, ref, truncated: false, durationMs: elapsed() }
    const { connection } = check.parameters
    return !timedOut && isDown(thrown) && typeof connection === 'string'
      ? { evidence, down: { connection, why: error } }
      : { evidence }
  }
}

async function runTries(check: CheckRun, targets: Targets, { signal, elapsed }: LimitedWork): Promise<JsonObject> {
  const implementation = Object.hasOwn(checkTable, check.kind) ? checkTable[check.kind] : undefined
  if (!implementation) throw new RunbookError('RUNBOOK_CHECK_FAILED', `unknown check kind ${check.kind}`)
  for (let left = check.retries; ; left--) {
    const timeoutMs = Math.max(1, check.timeoutMs - elapsed())
    try {
      return await targets.memory.with(memoryOfCheck(check.kind), () =>
        withSignal(signal, () => implementation(check.parameters, { targets, signal, timeoutMs })),
      )
    } catch (error) {
      if (left <= 0 || signal.aborted || isRunbookError(error, 'RUNBOOK_CONFIG') || isBusy(error)) throw error
      await sleep(RETRY_DELAY_MS, undefined, { signal })
    }
  }
}
