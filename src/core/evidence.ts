import type { Json } from './json.ts'

/** Limits of one check's result. The workflow gets exactly what the history stores. */
export const MAX_ROWS = 500
export const MAX_RESULT_BYTES = 64 * 1024

/**
 * The maximum time of a check that reads at one moment. A check that takes longer samples over a period, like `bullmq.queue` with
 * `watchStalledCheck`, so the age of its result counts from the end of the check and not from its start.
 */
export const LONG_CHECK_MS = 5_000

/** One check's stored result. The workflow acts on the evidence that was stored first at its place. */
export interface Evidence {
  /** The place of the evidence, such as `r1/check/jobs`; unique within the incident. */
  place: string
  /** The check's name in the runbook. */
  name: string
  kind: string
  status: 'ok' | 'failed' | 'timeout'
  /**
   * The result if the status is `ok`. It has the declared type of the check's kind, is redacted and is within the
   * limits.
   */
  result?: { [key: string]: Json }
  /** What failed, if the status is not `ok`. */
  error?: string
  /** The key of the evidence: the SHA-256 of the canonical result after redaction, or of the error. */
  ref: string
  truncated: boolean
  startedAt: string
  durationMs: number
}
