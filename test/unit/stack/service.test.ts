import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { respawnPauseMs } from '../../../src/stack/respawn-pause.ts'
import { Service } from '../../../src/stack/service.ts'

/** A server that answers once it has written its pid; while there is a file `broken`, it ends at once. */
function server(respawn: boolean) {
  const dir = mkdtempSync(join(tmpdir(), 'service-'))
  const [pid, broken, logFile] = ['pid', 'broken', 'log'].map((name) => join(dir, name)) as [string, string, string]
  const said: string[] = []
  const code = `const fs = require('fs')
    if (fs.existsSync(${JSON.stringify(broken)})) { console.log('no room'); process.exit(1) }
    fs.writeFileSync(${JSON.stringify(pid)}, String(process.pid))
    setInterval(() => {}, 1000)`
  const service: Service = new Service({
    name: 'redis',
    command: process.execPath,
    args: ['-e', code],
    env: {},
    logFile,
    stopSignal: 'SIGTERM',
    readyWithinMs: 30_000,
    respawn,
    probe: async () => {
      if (!existsSync(pid) || Number(readFileSync(pid, 'utf8')) !== service.pid) throw new Error('does not answer')
    },
    onProcess: () => {},
    log: (line) => said.push(line),
  })
  onTestFinished(async () => {
    await service.stop()
    rmSync(dir, { recursive: true })
  })
  return { service, said, broken, logFile }
}

const patient = { timeout: 20_000, interval: 20 }

test('a server that ends by itself is started again, and said to answer again', async () => {
  const { service, said, logFile } = server(true)
  await service.start()
  const before = service.pid!
  process.kill(before, 'SIGKILL')
  await vi.waitFor(() => expect(said.at(-1)).toBe('redis: answers again'), patient)
  expect(said).toEqual([
    `redis ended by itself (SIGKILL); its log is ${logFile}`,
    'redis: starting it again',
    'redis: answers again',
  ])
  expect(service.pid).not.toBe(before)
})

test('it is tried again when it could not be started at once, and why stands there', async () => {
  const { service, said, broken } = server(true)
  await service.start()
  writeFileSync(broken, '')
  process.kill(service.pid!, 'SIGKILL')
  await vi.waitFor(() => expect(said.join('\n')).toContain('no room'), patient)
  rmSync(broken)
  await vi.waitFor(() => expect(said.at(-1)).toBe('redis: answers again'), patient)
})

test('who kills it wants it away: it stays away until it is started', async () => {
  const { service, said } = server(true)
  await service.start()
  await service.kill()
  expect(service.pid).toBeNull()
  await service.start()
  expect(service.pid).not.toBeNull()
  expect(said).toEqual([])
})

test('while it is started again it can be stopped, and stays away', async () => {
  const { service, said } = server(true)
  await service.start()
  process.kill(service.pid!, 'SIGKILL')
  await vi.waitFor(() => expect(said).toContain('redis: starting it again'), patient)
  await service.stop()
  await new Promise((resolve) => setTimeout(resolve, respawnPauseMs(0) + 200))
  expect(service.pid).toBeNull()
  expect(said).not.toContain('redis: answers again')
})

test('unless it shall be, it is not started again', async () => {
  const { service, said, logFile } = server(false)
  await service.start()
  process.kill(service.pid!, 'SIGKILL')
  await vi.waitFor(() => expect(service.pid).toBeNull(), patient)
  expect(said).toEqual([`redis ended by itself (SIGKILL); its log is ${logFile}`])
})

test('each pause is longer than the one before, up to a bound', () => {
  expect([0, 1, 2, 3, 4, 50].map(respawnPauseMs)).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000])
})
