import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { tryLock, waitForLock } from '../../../src/stack/lock-file.ts'
import { identify } from '../../../src/stack/process-identity.ts'

let dir: string
let path: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'lock-'))
  path = join(dir, 'lock')
})
afterEach(() => rm(dir, { recursive: true, force: true }))

test('one process at a time holds the lock, and another one learns which', async () => {
  const first = await tryLock(path)
  expect(await tryLock(path)).toEqual({ heldBy: await identify(process.pid) })
  if ('lock' in first) await first.lock.release()
  expect(await tryLock(path)).toHaveProperty('lock')
})

test('the lock of a process that has ended is taken over', async () => {
  const child = spawn('sleep', ['60'])
  const holder = await identify(child.pid as number)
  await writeFile(`${path}.1`, JSON.stringify(holder))
  expect(await tryLock(path)).toEqual({ heldBy: holder })
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(await tryLock(path)).toHaveProperty('lock')
})

test('the lock of a process whose pid now belongs to another process is taken over', async () => {
  await writeFile(`${path}.1`, JSON.stringify({ pid: process.pid, started: 'another time' }))
  expect(await tryLock(path)).toHaveProperty('lock')
})

test('an incomplete lock file is taken over', async () => {
  await writeFile(`${path}.1`, '{"pid":')
  expect(await tryLock(path)).toHaveProperty('lock')
})

test('when many callers find a stale lock at once, exactly one gets it', async () => {
  for (let turn = 1; turn <= 15; turn++) {
    await writeFile(`${path}.${turn}`, JSON.stringify({ pid: process.pid, started: 'another time' }))
    const results = await Promise.all(Array.from({ length: 20 }, () => tryLock(path)))
    expect(results.filter((result) => 'lock' in result)).toHaveLength(1)
    expect(await readdir(dir)).toEqual([`lock.${turn + 1}`])
    expect(JSON.parse(await readFile(`${path}.${turn + 1}`, 'utf8'))).toEqual(await identify(process.pid))
  }
})

test('when many callers take and release it, never two hold it at once', async () => {
  let holders = 0
  let most = 0
  const one = async () => {
    for (let times = 0; times < 5;) {
      const result = await tryLock(path)
      if (!('lock' in result)) continue
      times += 1
      holders += 1
      most = Math.max(most, holders)
      await stat(dir)
      holders -= 1
      await result.lock.release()
    }
  }
  await Promise.all(Array.from({ length: 8 }, one))
  expect(most).toBe(1)
  expect(await readdir(dir)).toEqual(['lock.40'])
})

test('a caller that waits gets the lock when it is released, and learns once which process holds it', async () => {
  const first = await waitForLock(path, () => undefined)
  const holders: number[] = []
  const second = waitForLock(path, ({ pid }) => {
    holders.push(pid)
    void first.release()
  })
  await (await second).release()
  expect(holders).toEqual([process.pid])
})
