import type { Json } from './json.ts'

/** Limits of one check's result. The workflow gets exactly what the history stores. */
export const MAX_ROWS = 500
export const MAX_RESULT_BYTES = 64 * 1024

/** A check that may take, or took, longer than this observes over a while, as `watchStalledCheck` does: what it found held until its end. */
export const LONG_CHECK_MS = 5_000

/** One check's stored result. The workflow acts on the evidence that was stored first at its place. */
export interface Evidence {
  /** `r1/check/jobs`: unique within the incident. */
  place: string
  /** The check's name in the runbook. */
  name: string
  kind: string
  status: 'ok' | 'failed' | 'timeout'
  /** With status `ok`: the result in the declared type of the check's kind, redacted and within the limits. */
  result?: { [key: string]: Json }
  /** With another status: what failed. */
  error?: string
  /** SHA-256 of the canonical result after redaction (or of the error): the evidence's address. */
  ref: string
  truncated: boolean
  startedAt: string
  durationMs: number
}
