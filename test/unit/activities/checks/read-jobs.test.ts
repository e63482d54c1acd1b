import { expect, test } from 'vitest'
import { readJobs } from '../../../../activities/checks/read-jobs.ts'
import type { BullmqTarget } from '../../../../src/targets/targets.ts'
import { fakeRedis } from '../../../support/fake-redis.ts'

interface JobKeys {
  active?: boolean
  locked?: boolean
  completed?: boolean
  starts?: number
}

/** A Redis with one job that is different in each read. */
function redisWith(...reads: JobKeys[]): { target: BullmqTarget; readCount: () => number } {
  let count = 0
  const answer = (keys: JobKeys, [command, key, ...fields]: string[]) => {
    if (command === 'lpos') return key!.endsWith(':active') && keys.active ? 0 : null
    if (command === 'exists') return key!.endsWith(':lock') && !keys.locked ? 0 : 1
    if (command === 'hexists' || command === 'llen') return 0
    if (command === 'hstrlen') return 1
    if (command === 'zscore') return key!.endsWith(':completed') && keys.completed ? '1' : null
    return fields.map((field) => (field === 'ats' ? String(keys.starts ?? 1) : field === 'name' ? 'x' : null))
  }
  const redis = fakeRedis<string[]>((commands) => {
    // Each read of jobs begins with an HEXISTS that asks whether the queue is paused.
    if (commands[0]![0] === 'hexists') count++
    const keys = reads[Math.min(count, reads.length) - 1]!
    return commands.map((command) => answer(keys, command))
  })
  const target = { connection: 'q', base: 'p:q', redis } as unknown as BullmqTarget
  return { target, readCount: () => count }
}

test('a job that is active without a lock in both reads is stalled', async () => {
  const { target } = redisWith({ active: true })
  expect(await readJobs(target, ['a'])).toMatchObject([{ state: 'active', lock: 'missing' }])
})

test('a job that finishes between two commands of one read is not reported as stalled', async () => {
  const { target } = redisWith({ active: true, locked: false }, { completed: true })
  expect(await readJobs(target, ['a'])).toMatchObject([{ state: 'completed', lock: 'none' }])
})

test('a job that is restarted between the reads is not reported as stalled', async () => {
  const { target } = redisWith({ active: true, starts: 1 }, { active: true, starts: 2 })
  expect(await readJobs(target, ['a'])).toMatchObject([{ state: 'active', lock: 'held' }])
})

test('a job that was moving between two lists is found by the second read', async () => {
  const { target } = redisWith({}, { active: true, locked: true })
  expect(await readJobs(target, ['a'])).toMatchObject([{ state: 'active', lock: 'held' }])
})

test('an ordinary job is read once', async () => {
  const { target, readCount } = redisWith({ active: true, locked: true })
  await readJobs(target, ['a'])
  expect(readCount()).toBe(1)
})
