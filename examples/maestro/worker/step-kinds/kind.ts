import type pg from 'pg'

/** What the code of a step type gets. */
export interface StepContext {
  run: string
  input: Record<string, unknown>
  /** Aborted when the step type's timeout has passed. */
  signal: AbortSignal
  /** Says that the step is getting on: the step's `heartbeat_at`. */
  progress: () => Promise<void>
  pool: pg.Pool
  mlUrl: string
}

/** Carries out one step; what it returns is stored as the step's output. */
export type StepKind = (context: StepContext) => Promise<Record<string, unknown>>

export function numberInput(input: Record<string, unknown>, name: string, byDefault: number): number {
  const value = input[name]
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : byDefault
}
