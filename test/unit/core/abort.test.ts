import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { withSignal, withTimeout } from '../../../src/core/abort.ts'

const never = () => new Promise<never>(() => {})

describe('withTimeout', () => {
  test('gives the result of work that ends in time', async () => {
    expect(await withTimeout(5_000, async () => 'done')).toBe('done')
  })

  test('gives the error of work that fails in time', async () => {
    await expect(withTimeout(5_000, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  })

  test('fails after the timeout, and says how long it waited', async () => {
    await expect(withTimeout(10, never)).rejects.toThrow('no answer within 0.01 s')
  })
})

describe('withSignal', () => {
  test('fails with the reason of the signal, even if the work ignores it', async () => {
    const abort = new AbortController()
    const waiting = withSignal(abort.signal, never)
    abort.abort(new Error('cancelled by a test'))
    await expect(waiting).rejects.toThrow('cancelled by a test')
  })

  test('does not begin work for a signal that is already aborted', async () => {
    let begun = false
    const work = async () => void (begun = true)
    await expect(withSignal(AbortSignal.abort(new Error('too late')), work)).rejects.toThrow('too late')
    expect(begun).toBe(false)
  })

  test('ignores a failure of the work after the abort', async () => {
    const abort = new AbortController()
    let fail: (error: Error) => void = () => {}
    const waiting = withSignal(abort.signal, () => new Promise<never>((_, reject) => (fail = reject)))
    abort.abort(new Error('aborted first'))
    await expect(waiting).rejects.toThrow('aborted first')
    fail(new Error('failed later'))
    // An unhandled rejection would fail this test run.
    await setImmediate()
  })
})
