import type pg from 'pg'

/** What the implementation of a step type receives. */
export interface StepContext {
  run: string
  input: Record<string, unknown>
  /** Aborted when the step type's timeout has passed. */
  signal: AbortSignal
  /** Reports progress: updates the step's `heartbeat_at`. */
  progress: () => Promise<void>
  pool: pg.Pool
  mlUrl: string
}

/** Runs one step. The result is stored as the step's output. */
export type StepKind = (context: StepContext) => Promise<Record<string, unknown>>

export function numberInput(input: Record<string, unknown>, name: string, defaultValue: number): number {
  const value = input[name]
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : defaultValue
}
