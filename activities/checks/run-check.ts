import { setTimeout as sleep } from 'node:timers/promises'
import { scrubSecrets } from '../../src/config/secret.ts'
import { withSignal } from '../../src/core/abort.ts'
import { digest } from '../../src/core/canonical.ts'
import { humanDuration } from '../../src/core/duration.ts'
import { isRunbookError, messageOf, RunbookError } from '../../src/core/errors.ts'
import type { Evidence } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { cutText, toStorable } from '../../src/core/storable.ts'
import { evidenceBody } from '../../src/history/record.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { checkTable } from './check-table.ts'

export interface CheckRun {
  /** The check's name in the runbook. */
  name: string
  /** `sql.query` */
  kind: string
  /** With final values. */
  parameters: JsonObject
  /** For all tries together. */
  timeoutMs: number
  /** Further tries after a failure. */
  retries: number
  /** `r1/check/jobs` */
  place: string
}

const RETRY_DELAY_MS = 200
const MAX_ERROR_LENGTH = 1_000

/**
 * Runs one check. Never throws: a check that fails or takes too long becomes evidence with the status `failed` or `timeout`, and an `error`
 * without secrets. The result is redacted and within the limits, ready to be stored.
 */
export async function runCheck(
  check: CheckRun,
  targets: Targets,
  startedAt = new Date().toISOString(),
): Promise<Evidence> {
  const started = performance.now()
  const about = { place: check.place, name: check.name, kind: check.kind, startedAt }
  const elapsed = () => Math.round(performance.now() - started)
  const timeout = new AbortController()
  const timer = setTimeout(() => timeout.abort(), check.timeoutMs)
  try {
    const result = await runTries(check, targets, timeout.signal, started)
    const truncated = result.truncated === true
    const ref = digest(evidenceBody({ status: 'ok', result }))
    return { ...about, status: 'ok', result, ref, truncated, durationMs: elapsed() }
  } catch (thrown) {
    const timedOut = timeout.signal.aborted || (isRunbookError(thrown) && thrown.detail.timeout === true)
    const error = timedOut
      ? `no result within ${humanDuration(check.timeoutMs)}`
      : cutText(toStorable(scrubSecrets(messageOf(thrown))), MAX_ERROR_LENGTH)
    const status = timedOut ? 'timeout' : 'failed'
    const ref = digest(evidenceBody({ status, error }))
    return { ...about, status, error, ref, truncated: false, durationMs: elapsed() }
  } finally {
    clearTimeout(timer)
  }
}

async function runTries(check: CheckRun, targets: Targets, signal: AbortSignal, started: number): Promise<JsonObject> {
  const implementation = Object.hasOwn(checkTable, check.kind) ? checkTable[check.kind] : undefined
  if (!implementation) throw new RunbookError('RUNBOOK_CHECK_FAILED', `unknown check kind ${check.kind}`)
  for (let left = check.retries; ; left--) {
    const timeoutMs = Math.max(1, check.timeoutMs - (performance.now() - started))
    try {
      return await withSignal(signal, () => implementation(check.parameters, { targets, signal, timeoutMs }))
    } catch (error) {
      if (left <= 0 || signal.aborted || isRunbookError(error, 'RUNBOOK_CONFIG')) throw error
      await sleep(RETRY_DELAY_MS, undefined, { signal })
    }
  }
}
