import { expect, test } from 'vitest'
import { Slots } from '../../../src/targets/slots.ts'

test('no more callers than slots run at once, and those that wait come in their order', async () => {
  const slots = new Slots(2)
  const order: number[] = []
  let running = 0
  let most = 0
  await Promise.all(
    [0, 1, 2, 3, 4].map(async (caller) => {
      const release = await slots.acquire(1_000)
      order.push(caller)
      most = Math.max(most, (running += 1))
      await Promise.resolve()
      running -= 1
      release!()
      release!()
    }),
  )
  expect(most).toBe(2)
  expect(order).toEqual([0, 1, 2, 3, 4])
})

test('a caller that waited too long gets no slot, and takes none from those after it', async () => {
  const slots = new Slots(1)
  const release = await slots.acquire(1_000)
  expect(await slots.acquire(1)).toBeUndefined()
  const next = slots.acquire(1_000)
  release!()
  expect(await next).toBeTypeOf('function')
})
