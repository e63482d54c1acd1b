import type { Json } from './json.ts'

/** At most so many rows and bytes of one check's result reach the workflow; the history holds exactly the same. */
export const MAX_ROWS = 500
export const MAX_RESULT_BYTES = 64 * 1024

/** One check's stored result. What the workflow acts on is what was stored first at its place. */
export interface Evidence {
  /** `r1/check/jobs`: unique within the incident. */
  place: string
  /** The check's name in the runbook. */
  name: string
  kind: string
  status: 'ok' | 'failed' | 'timeout'
  /** With status `ok`: an object of the kind's declared result, after redaction and caps. */
  result?: { [key: string]: Json }
  /** Otherwise: what went wrong, for people. */
  error?: string
  /** SHA-256 of the canonical result after redaction (or of the error): the evidence's address. */
  ref: string
  truncated: boolean
  startedAt: string
  durationMs: number
}
