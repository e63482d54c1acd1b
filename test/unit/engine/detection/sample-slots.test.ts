import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { sampleSlot } from '../../../../src/engine/detection/sample-slots.ts'

beforeEach(() => vi.useFakeTimers())
afterEach(() => vi.useRealTimers())

async function takeAll(count: number, connection: string) {
  const found = Array.from({ length: count }, () => sampleSlot([connection]))
  await vi.advanceTimersByTimeAsync(0)
  return found
}

test('two samples read one connection at the same time; a third waits for its turn', async () => {
  const [first, second, third] = await takeAll(3, 'slow')
  let isThird = false
  void third!.then(() => (isThird = true))
  await vi.advanceTimersByTimeAsync(0)
  expect(isThird).toBe(false)
  const taken = await first!
  if ('free' in taken) taken.free()
  await vi.advanceTimersByTimeAsync(0)
  expect(isThird).toBe(true)
  for (const one of [await second!, await third!]) if ('free' in one) one.free()
})

test('samples of a slow connection give up after ten seconds, and do not delay those of another connection', async () => {
  const slow = await takeAll(4, 'slow')
  const other = await sampleSlot(['fast'])
  expect(other).toHaveProperty('free')
  await vi.advanceTimersByTimeAsync(10_000)
  const answers = await Promise.all(slow)
  expect(answers.slice(2)).toEqual([
    { busy: '2 other samples of slow have not ended' },
    { busy: '2 other samples of slow have not ended' },
  ])
  for (const one of [...answers, other]) if ('free' in one) one.free()
})

test('a process has at most 30 samples, with those that wait', async () => {
  const waiting = await takeAll(30, 'slow')
  expect(await sampleSlot(['fast'])).toEqual({ busy: '30 other samples of this worker have not ended' })
  await vi.advanceTimersByTimeAsync(10_000)
  for (const one of await Promise.all(waiting)) if ('free' in one) one.free()
  const after = await sampleSlot(['fast'])
  expect(after).toHaveProperty('free')
  if ('free' in after) after.free()
})
