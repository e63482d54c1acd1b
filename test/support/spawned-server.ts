import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { SystemUser } from '../../src/stack/postgres-user.ts'

export interface SpawnedServer {
  stop(): Promise<void>
  /** Kills the server with SIGKILL, as in a crash. */
  kill(): Promise<void>
}

/** A folder for a server's files, which its account owns. */
export async function serverDir(user: SystemUser | null = null): Promise<{ dir: string; remove(): Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'runbook-server-'))
  if (user) await chown(dir, user.uid, user.gid)
  return { dir, remove: () => rm(dir, { recursive: true, force: true }) }
}

/** Starts a server and waits until `probe` no longer rejects. Throws with the server's output when it ends or takes too long. */
export async function spawnServer(
  command: string,
  args: string[],
  options: { probe(): Promise<unknown>; user?: SystemUser | null; cwd?: string },
): Promise<SpawnedServer> {
  const account = options.user ? { uid: options.user.uid, gid: options.user.gid } : {}
  const child = spawn(command, args, { cwd: options.cwd ?? '/', stdio: ['ignore', 'pipe', 'pipe'], ...account })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => (output = `${output}${chunk}`.slice(-4_000)))
  const ended = once(child, 'exit')
  const end = async (signal: 'SIGTERM' | 'SIGKILL') => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    await ended
  }
  const until = Date.now() + 20_000
  for (;;) {
    try {
      await options.probe()
      return { stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
    } catch (error) {
      if (child.exitCode !== null || Date.now() > until) {
        await end('SIGKILL')
        throw new Error(`${command} did not start: ${output}`, { cause: error })
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}
