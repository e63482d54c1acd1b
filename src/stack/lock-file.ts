import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identify, isAlive } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'

export interface LockFile {
  release(): Promise<void>
}

/**
 * Takes the lock at `path`, or returns the process that holds it. A process that has died no longer holds the lock, even if its pid belongs to another process now.
 *
 * Each holder creates the next numbered file, `path.1`, `path.2`, …, with its identity in it. The lock is free when the process named
 * in the last file has died or released it. The last file is never removed, so the numbers only grow, and no process has to remove a
 * file that another process could have created in the meantime.
 */
export async function tryLock(path: string): Promise<{ lock: LockFile } | { heldBy: ProcessIdentity }> {
  await mkdir(dirname(path), { recursive: true })
  const mine = `${path}.${randomUUID()}`
  await writeFile(mine, JSON.stringify(await identify(process.pid)), { mode: 0o600 })
  try {
    for (;;) {
      const last = Math.max(0, ...(await numbersOf(path)))
      const holder = await readHolder(`${path}.${last}`)
      if (holder !== null && (await isAlive(holder))) return { heldBy: holder }
      const next = `${path}.${last + 1}`
      if (!(await linkNew(mine, next))) continue
      const numbers = await numbersOf(path)
      if (numbers.some((number) => number > last + 1)) {
        // Other processes have taken the lock in the meantime and removed an earlier file with this number.
        await unlink(next).catch(() => undefined)
        continue
      }
      for (const old of numbers.filter((number) => number <= last))
        await unlink(`${path}.${old}`).catch(() => undefined)
      return { lock: { release: () => release(next) } }
    }
  } finally {
    await unlink(mine).catch(() => undefined)
  }
}

/** Waits until the lock is free and takes it. `waiting` is called once, with the holder, if it has to wait. */
export async function waitForLock(path: string, waiting: (holder: ProcessIdentity) => void): Promise<LockFile> {
  for (let first = true; ; first = false) {
    const result = await tryLock(path)
    if ('lock' in result) return result.lock
    if (first) waiting(result.heldBy)
    await sleep(500)
  }
}

async function readHolder(path: string): Promise<ProcessIdentity | null> {
  const text = await readFile(path, 'utf8').catch(() => 'null')
  try {
    const value = JSON.parse(text) as ProcessIdentity | null
    return value !== null && Number.isInteger(value.pid) ? value : null
  } catch {
    return null
  }
}

async function numbersOf(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`
  const names = await readdir(dirname(path))
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
}

/** link() is atomic and fails when the name exists: the file never appears without the holder's identity in it. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Replaces the identity of the holder by null. The folder may have been removed together with the lock. */
async function release(file: string): Promise<void> {
  const released = `${file}.released`
  await writeFile(released, 'null', { mode: 0o600 })
    .then(() => rename(released, file))
    .catch(() => undefined)
}
