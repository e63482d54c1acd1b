import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

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
    const holder = Number(readOrEmpty(path))
    if (!isRunning(holder)) {
      rmSync(path, { force: true })
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

function readOrEmpty(path) {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** An empty file is one whose holder has taken it and is about to write its pid. */
function isRunning(pid) {
  if (pid === 0) return true
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error.code === 'EPERM'
  }
}
