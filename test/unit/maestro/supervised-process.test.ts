import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { JsonLog } from '../../../examples/maestro/json-log.ts'
import { until } from '../../../examples/maestro/repeat.ts'
import { SupervisedProcess } from '../../../examples/maestro/supervisor/supervised-process.ts'
import { temporaryFolder } from './temporary-folder.ts'

const log: JsonLog = { info() {}, warn() {}, error() {} }

/** A supervised process that runs this code. The code must call `process.send({})` when it is ready. */
function supervise(code: string): SupervisedProcess {
  const folder = temporaryFolder()
  const files = { outputFile: join(folder, 'out'), logFile: join(folder, 'log') }
  const supervised = new SupervisedProcess({ name: 'some', argv: ['-e', code], env: {}, ...files }, log)
  onTestFinished(() => supervised.kill({ restart: false }))
  return supervised
}

const READY_AND_WAITING = 'process.send({}); setInterval(() => {}, 1000);'

test('a killed process is restarted', async () => {
  const supervised = supervise(READY_AND_WAITING)
  await supervised.start()
  const { pid } = supervised.status()
  await supervised.kill({ restart: true })
  const restarted = await until(async () => (supervised.status().state === 'ready' ? supervised.status() : undefined), {
    timeoutMs: 5000,
    timeoutError: () => new Error('the process was not restarted'),
  })
  expect(restarted.crashes).toBe(1)
  expect(restarted.pid).not.toBe(pid)
})

test('a process killed with restart: false is not restarted', async () => {
  const supervised = supervise(READY_AND_WAITING)
  await supervised.start()
  await supervised.kill({ restart: false })
  expect(supervised.status()).toEqual({ name: 'some', pid: null, state: 'stopped', crashes: 0 })
})

test('a process that ignores SIGTERM is killed after the drain timeout', async () => {
  const supervised = supervise(`process.on('SIGTERM', () => {}); ${READY_AND_WAITING}`)
  await supervised.start()
  await supervised.stop(100)
  expect(supervised.status().state).toBe('stopped')
})

test('a process that crashes before it is ready is reported with its error message', async () => {
  await expect(supervise(`throw new Error('no such table')`).start()).rejects.toThrow(
    /some crashed 3 times: Error: no such table/,
  )
})
