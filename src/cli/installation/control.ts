import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { identify, isAlive, type ProcessIdentity } from '../../stack/process-identity.ts'

/**
 * The file `.runbook/up.json`: the process of "runbook up" that accepts requests in this folder, and the last restart that it was asked
 * for.
 */
interface UpFile {
  process: ProcessIdentity
  restart: Restart | null
}

interface Restart {
  /** When the request was made, in milliseconds since 1970. It is done by the first restart that began after it. */
  startedAt: number
  /** Why the restart failed; null if it succeeded. */
  failed: string | null
}

const ASKS = 'SIGUSR2'
const POLL_MS = 200
/** The time limit for an answer. It is longer than the worker and the API may take to end and to start. */
const ANSWER_MS = 120_000

/**
 * Calls `restart` whenever another process requests it with `askForRestart`, one call at a time. After `stop`, requests are ignored,
 * because the signal of a request would end a process that has no listener for it.
 */
export async function takeRequests(root: string, restart: () => Promise<void>): Promise<{ stop(): Promise<void> }> {
  const own = (await identify(process.pid))!
  let stopped = false
  let restarts = Promise.resolve()
  const answer = async () => {
    if (stopped) return
    const startedAt = Date.now()
    const failed = await restart().then(() => null, messageOf)
    write(root, { process: own, restart: { startedAt, failed } })
  }
  process.on(ASKS, () => (restarts = restarts.then(answer)))
  write(root, { process: own, restart: null })
  return {
    async stop() {
      stopped = true
      await restarts
      rmSync(pathOf(root), { force: true })
    },
  }
}

/** Asks the "runbook up" of a folder to restart its worker and API, and waits until it has. Throws `RUNBOOK_CONFLICT`. */
export async function askForRestart(root: string): Promise<void> {
  const running = read(root)
  if (running === undefined || !(await isAlive(running.process)))
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `"runbook up" is not running in ${root}, or has not finished starting. Start it, or wait until it prints the address of the API.`,
    )
  const askedAt = Date.now()
  process.kill(running.process.pid, ASKS)
  while (Date.now() < askedAt + ANSWER_MS) {
    const { restart = null } = read(root) ?? {}
    if (restart !== null && restart.startedAt >= askedAt) return requireDone(restart)
    if (!(await isAlive(running.process)))
      throw new RunbookError('RUNBOOK_CONFLICT', `"runbook up" in ${root} has ended. Start it again`)
    await sleep(POLL_MS)
  }
  throw new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `"runbook up" (pid ${running.process.pid}) has not restarted the worker and the API within ${ANSWER_MS / 1000} s. Its terminal shows what it does; the logs are in ${join(root, '.runbook', 'logs')}`,
  )
}

function requireDone({ failed }: Restart): void {
  if (failed !== null)
    throw new RunbookError('RUNBOOK_CONFLICT', `the worker and the API were not restarted: ${failed}`)
}

function pathOf(root: string): string {
  return join(root, '.runbook', 'up.json')
}

function read(root: string): UpFile | undefined {
  try {
    return JSON.parse(readFileSync(pathOf(root), 'utf8')) as UpFile
  } catch {
    return undefined
  }
}

function write(root: string, file: UpFile): void {
  writeFileSync(`${pathOf(root)}.new`, `${JSON.stringify(file)}\n`, { mode: 0o600 })
  renameSync(`${pathOf(root)}.new`, pathOf(root))
}
