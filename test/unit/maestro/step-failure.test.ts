import { createServer, type AddressInfo } from 'node:net'
import { expect, test } from 'vitest'
import { ConnectionRefused, failureReason, WorkerTimeout } from '../../../examples/maestro/worker/step-failure.ts'

test('the message of a timeout contains the step type and its limit, and the run gets a short reason', () => {
  const error = new WorkerTimeout('transcode', 1200)
  expect(error.message).toBe('Worker timeout: transcode ran longer than 1200 ms')
  expect(failureReason(error)).toBe('Worker timeout')
})

test('the message of a refused connection contains the service and its address, and the run gets a short reason', async () => {
  const url = `http://127.0.0.1:${await closedPort()}`
  const error = await fetch(url).then(
    () => undefined,
    (thrown: unknown) => ConnectionRefused.from(thrown, 'ml-inference', url),
  )
  const { host } = new URL(url)
  expect(error?.message).toBe(`Connection refused: ml-inference at ${host} (connect ECONNREFUSED ${host})`)
  expect(failureReason(error)).toBe('Connection refused')
})

test('another request failure is not reported as a refused connection', () => {
  expect(ConnectionRefused.from(new Error('other side closed'), 'ml-inference', 'http://127.0.0.1:1')).toBeUndefined()
  expect(failureReason(new Error('x'.repeat(500)))).toHaveLength(200)
})

/** Returns a port on which nothing listens. */
function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      server.close(() => resolve(port))
    })
  })
}
