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
 * Takes the lock at `path`, or tells who holds it. A holder that died, or whose pid belongs to another process by now,
 * does not hold it any more.
 *
 * Each holder has a turn, `path.1`, `path.2`, …: a file with its name in it, which exists once. Who finds the last turn over takes the
 * next. The last turn is never removed, so that turns only grow, and nobody has to remove a lock that could be somebody else's by then.
 */
export async function tryLock(path: string): Promise<{ lock: LockFile } | { heldBy: ProcessIdentity }> {
  await mkdir(dirname(path), { recursive: true })
  const mine = `${path}.${randomUUID()}`
  await writeFile(mine, JSON.stringify(await identify(process.pid)), { mode: 0o600 })
  try {
    for (;;) {
      const last = Math.max(0, ...(await turnsOf(path)))
      const holder = await readHolder(`${path}.${last}`)
      if (holder !== null && (await isAlive(holder))) return { heldBy: holder }
      const turn = `${path}.${last + 1}`
      if (!(await linkNew(mine, turn))) continue
      const turns = await turnsOf(path)
      if (turns.some((one) => one > last + 1)) {
        // We were slow: that turn had been taken and removed before.
        await unlink(turn).catch(() => undefined)
        continue
      }
      for (const over of turns.filter((one) => one <= last)) await unlink(`${path}.${over}`).catch(() => undefined)
      return { lock: { release: () => giveBack(turn) } }
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

async function turnsOf(path: string): Promise<number[]> {
  const prefix = `${basename(path)}.`
  const names = await readdir(dirname(path))
  return names
    .filter((name) => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map((name) => Number(name.slice(prefix.length)))
}

/** link() is atomic and fails when the name exists: a turn never appears without its holder's name in it. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/** Leaves the turn without a holder. The folder may be gone, and the lock with it. */
async function giveBack(turn: string): Promise<void> {
  const nobody = `${turn}.over`
  await writeFile(nobody, 'null', { mode: 0o600 })
    .then(() => rename(nobody, turn))
    .catch(() => undefined)
}
