import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { JsonLog } from '../../../examples/maestro/json-log.ts'
import { until } from '../../../examples/maestro/repeat.ts'
import { KeptProcess } from '../../../examples/maestro/supervisor/keep-process.ts'
import { temporaryFolder } from './temporary-folder.ts'

const log: JsonLog = { info() {}, warn() {}, error() {} }

/** A process that runs this code, which must say `process.send({})` when it is ready. */
function keep(code: string): KeptProcess {
  const folder = temporaryFolder()
  const files = { outputFile: join(folder, 'out'), logFile: join(folder, 'log') }
  const kept = new KeptProcess({ name: 'some', argv: ['-e', code], env: {}, ...files }, log)
  onTestFinished(() => kept.kill(true))
  return kept
}

const READY_AND_WAITING = 'process.send({}); setInterval(() => {}, 1000);'

test('a process that is killed is started again', async () => {
  const kept = keep(READY_AND_WAITING)
  await kept.start()
  const { pid } = kept.status()
  await kept.kill(false)
  const again = await until(async () => (kept.status().state === 'ready' ? kept.status() : undefined), {
    withinMs: 5000,
    otherwise: () => new Error('it was not started again'),
  })
  expect(again.crashes).toBe(1)
  expect(again.pid).not.toBe(pid)
})

test('a process that is killed for good stays away', async () => {
  const kept = keep(READY_AND_WAITING)
  await kept.start()
  await kept.kill(true)
  expect(kept.status()).toEqual({ name: 'some', pid: null, state: 'stopped', crashes: 0 })
})

test('a process that does not heed SIGTERM is killed when its time to drain is over', async () => {
  const kept = keep(`process.on('SIGTERM', () => {}); ${READY_AND_WAITING}`)
  await kept.start()
  await kept.stop(100)
  expect(kept.status().state).toBe('stopped')
})

test('a process that never gets ready is reported with its own words', async () => {
  await expect(keep(`throw new Error('no such table')`).start()).rejects.toThrow(
    /some ends again and again: Error: no such table/,
  )
})
