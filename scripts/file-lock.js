import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const AGE_MS = 15 * 60_000

/**
 * Runs `work` while holding the lock at `path`, so that two first uses of a clone do not install or build into each
 * other. Waits for a living holder; a dead one's lock is taken over.
 *
 * @template T
 * @param {string} path
 * @param {(holder: number) => void} waiting told once, with the holder's pid
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withFileLock(path, waiting, work) {
  mkdirSync(dirname(path), { recursive: true })
  for (let told = false; !tryTake(path); told = true) {
    const { holder, stale } = look(path)
    if (stale) {
      removeStale(path, holder)
      continue
    }
    if (!told) waiting(holder)
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

/** An empty file is one whose holder is about to write its pid. No install or build takes as long as AGE_MS. */
function look(path) {
  const age = Date.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
  const holder = readHolder(path)
  return { holder, stale: age > AGE_MS || (holder !== 0 && !isRunning(holder)) }
}

/** Somebody may replace it between our look and our removal: what was moved away is looked at again. */
function removeStale(path, holder) {
  const aside = `${path}.${process.pid}`
  try {
    renameSync(path, aside)
    if (readHolder(aside) !== holder) linkSync(aside, path)
    rmSync(aside)
  } catch {
    // Another process was faster.
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
