import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const AGE_MS = 15 * 60_000

/**
 * Runs `work` while holding the lock at `path`, so that two processes in a new clone do not install or build at the same time. Waits
 * while the holder is alive; the lock of a dead process is taken over.
 *
 * @template T
 * @param {string} path
 * @param {(holder: number) => void} waiting called once with the holder's pid, if it has to wait
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withFileLock(path, waiting, work) {
  mkdirSync(dirname(path), { recursive: true })
  for (let first = true; !tryTake(path); first = false) {
    const { holder, stale } = readLock(path)
    if (stale) {
      removeStale(path, holder)
      continue
    }
    if (first) waiting(holder)
    await sleep(200)
  }
  const release = () => rmSync(path, { force: true })
  process.once('exit', release)
  try {
    return await work()
  } finally {
    process.off('exit', release)
    release()
  }
}

function tryTake(path) {
  try {
    writeFileSync(path, String(process.pid), { flag: 'wx' })
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
    return false
  }
}

/** Reads the lock's holder. An empty file belongs to a holder that has not written its pid yet. A lock older than AGE_MS is stale, because no install or build takes that long. */
function readLock(path) {
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  const holder = readHolder(path)
  return { holder, stale: age > AGE_MS || (holder !== 0 && !isRunning(holder)) }
}

/** Removes a stale lock. Another process may replace the lock just before that, so the file is moved away first, and put back if it names another holder. */
function removeStale(path, holder) {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
    if (readHolder(aside) !== holder) linkSync(aside, path)
    rmSync(aside)
  } catch {
    // Another process has already moved the file or taken the lock.
  }
}

function readHolder(path) {
  try {
    return Number(readFileSync(path, 'utf8'))
  } catch {
    return 0
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
