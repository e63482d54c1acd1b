import { isRunbookError, RunbookError } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { requestHttp, requireFresh } from '../../src/targets/request-http.ts'
import { capRows } from '../limit-result.ts'
import { REQUEST_TIMEOUT_SHARE } from './http-get.ts'
import type { CheckImplementation } from './check.ts'
import { optionalString, optionalStrings, requiredString } from './check-parameters.ts'
import { parseMetrics } from './parse-metrics.ts'

/** The size limit. Metrics are larger than other answers. */
const MAX_BYTES = 4 * 1024 * 1024

export const metricsScrape: CheckImplementation = async (parameters, { targets, signal, timeoutMs }) => {
  const names = optionalStrings(parameters, 'names') ?? []
  if (names.length === 0)
    throw new RunbookError('RUNBOOK_CHECK_FAILED', 'parameter names must contain at least one metric name')
  const path = optionalString(parameters, 'path') ?? '/metrics'
  const connection = requiredString(parameters, 'connection')
  try {
    const target = await targets.http(connection)
    const answer = await requestHttp(target, {
      path,
      timeoutMs: timeoutMs * REQUEST_TIMEOUT_SHARE,
      maxBytes: MAX_BYTES,
      signal,
    })
    requireFresh(target, answer)
    if (answer.status !== 200) return unreachable(names, `connection ${connection}: ${path} answered ${answer.status}`)
    if (answer.unread !== undefined) return unreachable(names, `connection ${connection}: ${path}: ${answer.unread}`)
    const parsed = await parseMetrics(answer.text, new Set(names), signal)
    const { samples, present, unparsed, outdated, isExposition, hasEnd } = parsed
    if (!isExposition)
      return unreachable(names, `connection ${connection}: ${path} answered with a page that has no metrics`, true)
    // OpenMetrics requires the last line, so that a text that was cut off is recognised.
    const isCut = /openmetrics/i.test((answer.headers['content-type'] ?? '').slice(0, 500)) && !hasEnd
    const result = {
      reachable: true,
      missing: names.filter((name) => !present.has(name)),
      unparsed,
      outdated,
      truncated: answer.truncated || unparsed > 0 || isCut,
      error: null,
    }
    return await capRows(samples as unknown as JsonObject[], result, target.redact, signal)
  } catch (error) {
    if (signal.aborted || !isRunbookError(error, 'RUNBOOK_UNREACHABLE')) throw error
    return unreachable(names, error.message, error.detail.status === 200)
  }
}

function unreachable(names: string[], error: string, reachable = false): JsonObject {
  return { reachable, rows: [], missing: names, unparsed: 0, outdated: 0, truncated: true, error }
}
