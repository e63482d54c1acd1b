import { messageOf } from '../errors.ts'

/** The step ran longer than the timeout of its type. */
export class WorkerTimeout extends Error {
  override readonly name = 'WorkerTimeout'

  constructor(type: string, timeoutMs: number) {
    super(`Worker timeout: ${type} ran longer than ${timeoutMs} ms`)
  }
}

/** A service that the step calls refused the connection. */
export class ConnectionRefused extends Error {
  override readonly name = 'ConnectionRefused'

  /** Converts an error of `fetch`. Returns undefined if it is not a refused connection. */
  static from(error: unknown, service: string, url: string): ConnectionRefused | undefined {
    const cause = error instanceof Error ? error.cause : undefined
    if ((cause as { code?: string } | undefined)?.code !== 'ECONNREFUSED') return undefined
    const { host } = new URL(url)
    return new ConnectionRefused(`Connection refused: ${service} at ${host} (connect ECONNREFUSED ${host})`)
  }
}

/** The value for `runs.failure_reason`: short, and equal for equal causes. */
export function failureReason(error: unknown): string {
  if (error instanceof WorkerTimeout) return 'Worker timeout'
  if (error instanceof ConnectionRefused) return 'Connection refused'
  return messageOf(error).slice(0, 200)
}
