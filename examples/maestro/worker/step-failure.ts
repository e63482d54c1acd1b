import { messageOf } from '../errors.ts'

/** The step took longer than its type allows. */
export class WorkerTimeout extends Error {
  override readonly name = 'WorkerTimeout'

  constructor(type: string, timeoutMs: number) {
    super(`Worker timeout: ${type} ran longer than ${timeoutMs} ms`)
  }
}

/** A service that the step calls is not there. */
export class ConnectionRefused extends Error {
  override readonly name = 'ConnectionRefused'

  /** What `fetch` threw, if the connection was refused. */
  static from(error: unknown, service: string, url: string): ConnectionRefused | undefined {
    const cause = error instanceof Error ? error.cause : undefined
    if ((cause as { code?: string } | undefined)?.code !== 'ECONNREFUSED') return undefined
    const { host } = new URL(url)
    return new ConnectionRefused(`Connection refused: ${service} at ${host} (connect ECONNREFUSED ${host})`)
  }
}

/** What stands in `runs.failure_reason`: short, and the same for the same cause. */
export function failureReason(error: unknown): string {
  if (error instanceof WorkerTimeout) return 'Worker timeout'
  if (error instanceof ConnectionRefused) return 'Connection refused'
  return messageOf(error).slice(0, 200)
}
