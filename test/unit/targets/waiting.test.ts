import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { withSignal } from '../../../src/core/abort.ts'
import { outsideLimit, withPausableLimit } from '../../../src/targets/waiting.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

test('waiting outside the limit is not counted', async () => {
  const limited = withPausableLimit(100, async ({ signal, elapsed }) => {
    await after(40)
    await outsideLimit(() => after(10_000))
    await after(40)
    return { aborted: signal.aborted, elapsed: elapsed() }
  })
  await vi.advanceTimersByTimeAsync(10_080)
  expect(await limited).toEqual({ aborted: false, elapsed: 80 })
})

test('time before and after a wait counts together', async () => {
  const limited = withPausableLimit(100, ({ signal }) =>
    withSignal(signal, async () => {
      await after(60)
      await outsideLimit(() => after(10_000))
      await after(60)
    }),
  )
  const rejected = expect(limited).rejects.toThrow()
  await vi.advanceTimersByTimeAsync(10_101)
  await rejected
})

test('two waits at the same time pause once, until both have ended', async () => {
  const limited = withPausableLimit(100, async ({ elapsed }) => {
    await Promise.all([outsideLimit(() => after(1_000)), outsideLimit(() => after(2_000))])
    return elapsed()
  })
  await vi.advanceTimersByTimeAsync(2_000)
  expect(await limited).toBe(0)
})

test('without a limit, a wait is just a wait', async () => {
  await expect(outsideLimit(async () => 7)).resolves.toBe(7)
})
