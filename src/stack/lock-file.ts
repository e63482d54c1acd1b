import { randomUUID } from 'node:crypto'
import { link, mkdir, readFile, rename, unlink, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { identify, isAlive } from './process-identity.ts'
import type { ProcessIdentity } from './process-identity.ts'

export interface LockFile {
  release(): Promise<void>
}

/**
 * Takes the lock at `path`, or tells who holds it. A holder that died, or whose pid belongs to another process by now,
 * does not hold it any more.
 */
export async function tryLock(path: string): Promise<{ lock: LockFile } | { heldBy: ProcessIdentity }> {
  await mkdir(dirname(path), { recursive: true })
  const me = await identify(process.pid)
  const mine = `${path}.${randomUUID()}`
  await writeFile(mine, JSON.stringify(me), { mode: 0o600 })
  try {
    for (;;) {
      // link() is atomic and fails when the name exists: the lock never appears without its holder's name in it.
      const taken = await link(mine, path).then(
        () => true,
        (error: NodeJS.ErrnoException) => {
          if (error.code === 'EEXIST') return false
          throw error
        },
      )
      if (taken) return { lock: { release: () => unlink(path).catch(() => undefined) } }
      const holder = await readHolder(path)
      if (holder !== null && (await isAlive(holder))) return { heldBy: holder }
      await removeStale(path, holder)
    }
  } finally {
    await unlink(mine).catch(() => undefined)
  }
}

/** Waits until the lock is ours; `waiting` is called once, with the holder, when it is not free at once. */
export async function waitForLock(path: string, waiting: (holder: ProcessIdentity) => void): Promise<LockFile> {
  for (let told = false; ; told = true) {
    const result = await tryLock(path)
    if ('lock' in result) return result.lock
    if (!told) waiting(result.heldBy)
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

/** Somebody may replace the stale lock between our look and our removal: what was moved away is looked at again. */
async function removeStale(path: string, stale: ProcessIdentity | null): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  await rename(path, aside).catch(() => undefined)
  const moved = await readHolder(aside)
  if (moved !== null && moved.started !== stale?.started) await link(aside, path).catch(() => undefined)
  await unlink(aside).catch(() => undefined)
}
