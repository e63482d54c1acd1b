import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { respawnPauseMs } from '../../../src/stack/respawn-pause.ts'
import { Service } from '../../../src/stack/service.ts'

/** A server that answers once it has written its pid. While the file `broken` exists, it ends at once. */
function server(respawn: boolean) {
  const dir = mkdtempSync(join(tmpdir(), 'service-'))
  const [pid, broken, logFile] = ['pid', 'broken', 'log'].map((name) => join(dir, name)) as [string, string, string]
  const lines: string[] = []
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
    log: (line) => lines.push(line),
  })
  onTestFinished(async () => {
    await service.stop()
    rmSync(dir, { recursive: true })
  })
  return { service, lines, broken, logFile }
}

const WAIT = { timeout: 20_000, interval: 20 }

test('a server that ends by itself is started again, and a line says that it answers again', async () => {
  const { service, lines, logFile } = server(true)
  await service.start()
  const before = service.pid!
  process.kill(before, 'SIGKILL')
  await vi.waitFor(() => expect(lines.at(-1)).toBe('redis: answers again'), WAIT)
  expect(lines).toEqual([
    `redis ended by itself (SIGKILL); its log is ${logFile}`,
    'redis: starting it again',
    'redis: answers again',
  ])
  expect(service.pid).not.toBe(before)
})

test('when it cannot be started, the reason is logged and it is tried again', async () => {
  const { service, lines, broken } = server(true)
  await service.start()
  writeFileSync(broken, '')
  process.kill(service.pid!, 'SIGKILL')
  await vi.waitFor(() => expect(lines.join('\n')).toContain('no room'), WAIT)
  rmSync(broken)
  await vi.waitFor(() => expect(lines.at(-1)).toBe('redis: answers again'), WAIT)
})

test('a server that was killed with kill() is not started until start() is called', async () => {
  const { service, lines } = server(true)
  await service.start()
  await service.kill()
  expect(service.pid).toBeNull()
  await service.start()
  expect(service.pid).not.toBeNull()
  expect(lines).toEqual([])
})

test('a server can be stopped while it is being started again, and is then not started', async () => {
  const { service, lines } = server(true)
  await service.start()
  process.kill(service.pid!, 'SIGKILL')
  await vi.waitFor(() => expect(lines).toContain('redis: starting it again'), WAIT)
  await service.stop()
  await new Promise((resolve) => setTimeout(resolve, respawnPauseMs(0) + 200))
  expect(service.pid).toBeNull()
  expect(lines).not.toContain('redis: answers again')
})

test('without `respawn` it is not started again', async () => {
  const { service, lines, logFile } = server(false)
  await service.start()
  process.kill(service.pid!, 'SIGKILL')
  await vi.waitFor(() => expect(service.pid).toBeNull(), WAIT)
  expect(lines).toEqual([`redis ended by itself (SIGKILL); its log is ${logFile}`])
})

test('each pause is longer than the one before, up to a limit', () => {
  expect([0, 1, 2, 3, 4, 50].map(respawnPauseMs)).toEqual([1_000, 2_000, 4_000, 8_000, 15_000, 15_000])
})
