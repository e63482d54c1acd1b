import { expect, test } from 'vitest'
import { cachedEach } from '../../../src/http/cached.ts'

test('calls with the same request share a read, and other requests have their own', async () => {
  const asked: string[] = []
  const read = cachedEach({ ms: 60_000, max: 10 }, async (name: string) => asked.push(name))
  await Promise.all([read('a'), read('a'), read('b')])
  await read('a')
  expect(asked).toEqual(['a', 'b'])
})

test('a failure is given to those who wait for it, and is not kept', async () => {
  let reads = 0
  const read = cachedEach({ ms: 60_000, max: 10 }, async (_name: string) => {
    reads += 1
    if (reads === 1) throw new Error('down')
    return reads
  })
  const failed = await Promise.allSettled([read('a'), read('a')])
  expect(failed.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await read('a')).toBe(2)
})

test('the result that was asked for longest ago is forgotten first', async () => {
  const asked: string[] = []
  const read = cachedEach({ ms: 60_000, max: 2 }, async (name: string) => asked.push(name))
  for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await read(name)
  expect(asked).toEqual(['a', 'b', 'c', 'b'])
})
