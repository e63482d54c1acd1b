import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { isBroken, watchClient, withClient } from '../../../src/core/with-client.ts'

/** A pool's client that records how it was released: `true` closes it, `false` returns it to the pool. */
class TestClient extends EventEmitter {
  readonly released: unknown[] = []
  release(error?: Error | boolean): void {
    this.released.push(error)
  }
}

const failing = () => Promise.reject(new Error('the work failed'))

test('a client whose work succeeded returns to the pool', async () => {
  const client = new TestClient()
  expect(
    await withClient(
      async () => client,
      async () => 7,
    ),
  ).toBe(7)
  expect(client.released).toEqual([false])
})

test('a client whose work failed is closed, and the error of the work is thrown', async () => {
  const client = new TestClient()
  await expect(withClient(async () => client, failing)).rejects.toThrow('the work failed')
  expect(client.released).toEqual([true])
})

test('a client whose work failed returns to the pool when the caller has cleaned it up', async () => {
  const client = new TestClient()
  await expect(
    withClient(
      async () => client,
      failing,
      async () => true,
    ),
  ).rejects.toThrow('the work failed')
  expect(client.released).toEqual([false])
})

test('a client whose connection broke is closed, also when its work succeeded or it was cleaned up', async () => {
  const [idle, failed] = [new TestClient(), new TestClient()]
  await withClient(
    async () => idle,
    async () => void idle.emit('error', new Error('terminated')),
  )
  const work = async () => {
    failed.emit('error', new Error('terminated'))
    return failing()
  }
  await expect(
    withClient(
      async () => failed,
      work,
      () => true,
    ),
  ).rejects.toThrow('the work failed')
  expect([idle.released, failed.released]).toEqual([[true], [true]])
})

test('a client that broke before it was handed over is closed', async () => {
  const client = new TestClient()
  watchClient(client)
  client.emit('error', new Error('terminated'))
  await withClient(
    async () => client,
    async () => {},
  )
  expect(isBroken(client)).toBe(true)
  expect(client.released).toEqual([true])
})

test('a client that could not be acquired is the error of the call', async () => {
  await expect(withClient(() => Promise.reject(new Error('no connection')), failing)).rejects.toThrow('no connection')
})
