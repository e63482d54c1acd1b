import { expect, test, vi } from 'vitest'
import { checkTable } from '../../../../activities/checks/check-table.ts'
import type { CheckImplementation } from '../../../../activities/checks/check.ts'
import { runCheck } from '../../../../activities/checks/run-check.ts'
import { digest } from '../../../../src/core/canonical.ts'
import { RunbookError } from '../../../../src/core/errors.ts'
import { MemoryBudget } from '../../../../src/targets/memory-budget.ts'
import { isBusy } from '../../../../src/targets/open-postgres.ts'
import type { Targets } from '../../../../src/targets/targets.ts'

const targets = { memory: new MemoryBudget(1024 * 1024) } as Targets
const check = { name: 'c', kind: 'test.kind', parameters: { a: 1 }, timeoutMs: 2_000, retries: 0, place: 'r1/check/c' }

async function run(implementation: CheckImplementation, changes: Partial<typeof check> = {}) {
  checkTable['test.kind'] = implementation
  try {
    return await runCheck({ ...check, ...changes }, targets)
  } finally {
    delete checkTable['test.kind']
  }
}

test('a result is evidence, addressed by its digest', async () => {
  const evidence = await run(async (parameters) => ({ got: parameters.a!, truncated: true }))
  expect(evidence).toMatchObject({
    place: 'r1/check/c',
    name: 'c',
    kind: 'test.kind',
    status: 'ok',
    result: { got: 1, truncated: true },
    truncated: true,
    ref: digest({ result: { got: 1, truncated: true } }),
  })
  expect(Date.parse(evidence.startedAt)).not.toBeNaN()
})

test('a failure is evidence, without the secrets that its message had', async () => {
  const evidence = await run(async () => {
    throw new Error('cannot reach postgres://me:hunter2@h/d')
  })
  expect(evidence).toMatchObject({ status: 'failed', error: 'cannot reach postgres://me:***@h/d', truncated: false })
  expect(evidence.ref).toBe(digest({ error: evidence.error! }))
  expect(evidence.result).toBeUndefined()
})

test('an unknown kind is a failed check', async () => {
  const evidence = await runCheck({ ...check, kind: '__proto__' }, targets)
  expect(evidence).toMatchObject({ status: 'failed', error: 'unknown check kind __proto__' })
})

test('nobody waits longer than the timeout, even for a check that ignores it', async () => {
  let aborted = false
  const evidence = await run(
    (_, { signal }) => {
      signal.addEventListener('abort', () => (aborted = true))
      return new Promise(() => {})
    },
    { timeoutMs: 50, retries: 3 },
  )
  expect(evidence).toMatchObject({ status: 'timeout', error: 'no result within 50ms' })
  expect(evidence.durationMs).toBeLessThan(1_000)
  expect(aborted).toBe(true)
})

test('a failure is retried up to `retries` times, within the remaining time', async () => {
  const left: number[] = []
  const flaky: CheckImplementation = async (_, { timeoutMs }) => {
    left.push(timeoutMs)
    if (left.length < 3) throw new Error('not yet')
    return { tries: left.length }
  }
  expect(await run(flaky, { retries: 2 })).toMatchObject({ status: 'ok', result: { tries: 3 } })
  expect(left[2]).toBeLessThan(left[0]! - 300)
  left.length = 0
  expect(await run(flaky, { retries: 1 })).toMatchObject({ status: 'failed', error: 'not yet' })
})

test('a configuration error is not retried', async () => {
  const failing = vi.fn<() => Promise<never>>(async () => {
    throw new RunbookError('RUNBOOK_CONFIG', 'no such connection')
  })
  expect(await run(failing, { retries: 5 })).toMatchObject({ status: 'failed' })
  expect(failing).toHaveBeenCalledTimes(1)
})

test('what a check saw while this process was suspended or too busy is no evidence: the check is to be repeated', async () => {
  const standStill = (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end;);
  }
  const slow: CheckImplementation = async () => {
    standStill(700)
    return { reachable: false }
  }
  const failure: unknown = await run(slow, { timeoutMs: 500 }).catch((error: unknown) => error)
  expect(isBusy(failure)).toBe(true)
  expect(failure).toMatchObject({
    message: expect.stringMatching(/^this process was suspended or too busy for \d\.\d s/),
  })
  // A pause that is short compared with the check's timeout does not make the check fail.
  expect(await run(slow, { timeoutMs: 10_000 })).toMatchObject({ status: 'ok' })
})
