/** What the CLI reports without a stack trace. `usage` (exit 2): the caller must change something; `failed` (exit 1): Maestro could not do it. */
export class MaestroError extends Error {
  override readonly name = 'MaestroError'
  readonly kind: 'usage' | 'failed'

  constructor(kind: 'usage' | 'failed', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
  }
}

/** The message of anything thrown; Node's AggregateError (refused on ::1 and 127.0.0.1) has none of its own. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message && error.errors.length > 0) return messageOf(error.errors[0])
  return error instanceof Error ? error.message || error.name : String(error)
}
