import { describe, expect, test } from 'vitest'
import { Current } from '../../../src/core/current.ts'

function released() {
  const names: string[] = []
  return { names, release: ({ name }: { name: string }) => void names.push(name) }
}

/** A promise that the test settles. */
function gateOf() {
  let resolve!: () => void
  let reject!: (error: Error) => void
  const promise = new Promise<void>((yes, no) => ((resolve = yes), (reject = no)))
  return { promise, resolve, reject }
}

describe('a value that is replaced', () => {
  test('is released at once if no call uses it', () => {
    const { names, release } = released()
    const current = new Current({ name: 'old' }, release)
    current.replace({ name: 'new' })
    expect([current.value.name, names]).toEqual(['new', ['old']])
  })

  test('is released after the last call that began with it, and later calls get the new one', async () => {
    const { names, release } = released()
    const current = new Current({ name: 'old' }, release)
    const gates = [gateOf(), gateOf()]
    const calls = gates.map(({ promise }) => current.use(({ name }) => promise.then(() => name)))
    current.replace({ name: 'new' })
    gates[0]!.resolve()
    await calls[0]
    expect(names).toEqual([])
    expect(await current.use(({ name }) => name)).toBe('new')
    gates[1]!.resolve()
    expect(await calls[1]).toBe('old')
    expect(names).toEqual(['old'])
  })

  test('is released also when the call fails', async () => {
    const { names, release } = released()
    const current = new Current({ name: 'old' }, release)
    const gate = gateOf()
    const call = current.use(() => gate.promise)
    current.replace({ name: 'new' })
    gate.reject(new Error('failed'))
    await expect(call).rejects.toThrow('failed')
    expect(names).toEqual(['old'])
  })

  test('is released together with the values that are still needed', async () => {
    const seen: string[][] = []
    const current = new Current({ name: 'first' }, (_, needed) => void seen.push(needed.map(({ name }) => name)))
    const gate = gateOf()
    const call = current.use(() => gate.promise)
    current.replace({ name: 'second' })
    current.replace({ name: 'third' })
    expect(seen).toEqual([['third', 'first']])
    gate.resolve()
    await call
    expect(seen.at(-1)).toEqual(['third'])
  })
})
