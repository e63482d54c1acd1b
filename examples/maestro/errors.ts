/** An error that the CLI reports without a stack trace. `usage` (exit 2): the input is invalid. `failed` (exit 1): the operation failed. */
export class MaestroError extends Error {
  override readonly name = 'MaestroError'
  readonly kind: 'usage' | 'failed'

  constructor(kind: 'usage' | 'failed', message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.kind = kind
  }
}

/** The message of any thrown value. Node's AggregateError (connection refused on ::1 and 127.0.0.1) has an empty message. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && !error.message && error.errors.length > 0) return messageOf(error.errors[0])
  return error instanceof Error ? error.message || error.name : String(error)
}
