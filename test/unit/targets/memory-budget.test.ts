import { expect, test, vi } from 'vitest'
import { MemoryBudget } from '../../../src/targets/memory-budget.ts'
import { isBusy } from '../../../src/targets/open-postgres.ts'
import { withPausableLimit } from '../../../src/targets/waiting.ts'

const MB = 1024 * 1024

/** Work that ends when the test says so. */
function work() {
  let end = () => {}
  const started = vi.fn<() => Promise<void>>(() => new Promise((resolve) => (end = resolve)))
  return { started, end: () => end() }
}

/** Waits until all promises that can settle now have settled. */
const settled = () => new Promise((resolve) => setImmediate(resolve))

test('checks run at the same time as long as their memory fits together, then in their order', async () => {
  const budget = new MemoryBudget(10 * MB)
  const [first, second, large, small] = [work(), work(), work(), work()]
  const runs = [
    budget.with(4 * MB, first.started),
    budget.with(6 * MB, second.started),
    budget.with(9 * MB, large.started),
    budget.with(1 * MB, small.started),
  ]
  await settled()
  expect([first, second, large, small].map(({ started }) => started.mock.calls.length)).toEqual([1, 1, 0, 0])
  first.end()
  await settled()
  // The small work would fit, but it waits its turn: if small work went first, large work could wait for ever.
  expect(small.started).not.toHaveBeenCalled()
  second.end()
  await settled()
  expect([large, small].map(({ started }) => started.mock.calls.length)).toEqual([1, 1])
  large.end()
  small.end()
  await Promise.all(runs)
})

test('a check that needs more than the budget has all of it; memory is free again after a failure', async () => {
  const budget = new MemoryBudget(MB)
  await expect(budget.with(5 * MB, () => Promise.reject(new Error('failed')))).rejects.toThrow('failed')
  expect(await budget.with(5 * MB, async () => 'done')).toBe('done')
})

test('the wait does not count for the limit of a check', async () => {
  const budget = new MemoryBudget(MB)
  const holder = work()
  const held = budget.with(MB, holder.started)
  const waiting = withPausableLimit(400, async ({ signal, elapsed }) => {
    await budget.with(MB, async () => {})
    return { aborted: signal.aborted, elapsed: elapsed() }
  })
  await new Promise((resolve) => setTimeout(resolve, 600))
  holder.end()
  await held
  expect(await waiting).toMatchObject({ aborted: false })
  expect((await waiting).elapsed).toBeLessThan(400)
})

test('after a minute a waiting check fails because this process is busy, and those behind it go on', async () => {
  vi.useFakeTimers()
  try {
    const budget = new MemoryBudget(MB)
    const holder = work()
    void budget.with(MB / 2, holder.started)
    const refused = budget.with(MB, async () => {}).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(1)
    const behind = budget.with(MB / 2, async () => 'done')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(isBusy(await refused)).toBe(true)
    expect(await behind).toBe('done')
  } finally {
    vi.useRealTimers()
  }
})
