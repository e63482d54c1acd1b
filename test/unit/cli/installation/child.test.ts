import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Child } from '../../../../src/cli/installation/child.ts'
import { respawnPauseMs } from '../../../../src/stack/respawn-pause.ts'

function temporaryFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'child-'))
  onTestFinished(() => rmSync(path, { recursive: true }))
  return path
}

/** A child that runs this code, in which `process.send({ ready: true })` reports that it is ready. */
function childOf(code: string, cwd = temporaryFolder()): { child: Child; lines: string[] } {
  const lines: string[] = []
  const child = new Child({
    name: 'some',
    argv: ['-e', code],
    cwd,
    env: () => ({}),
    logFile: join(cwd, 'log'),
    respawn: true,
    log: (line) => lines.push(line),
  })
  onTestFinished(() => child.stop())
  return { child, lines }
}

const SERVES = 'process.send({ ready: true }); setInterval(() => {}, 1000)'

test('each time that it ends is logged, also before it is ready, and so is when it is running again', async () => {
  const cwd = temporaryFolder()
  const down = join(cwd, 'down')
  const { child, lines } = childOf(
    `if (require('fs').existsSync(${JSON.stringify(down)})) process.exit(3); ${SERVES}`,
    cwd,
  )
  await child.start()
  const { pid } = child
  writeFileSync(down, '')
  child.kill('SIGKILL')
  const again = `starting it again (log: ${join(cwd, 'log')})`
  await vi.waitFor(() => expect(lines).toEqual([`some ended (SIGKILL); ${again}`, `some ended (exit 3); ${again}`]), {
    timeout: 10_000,
  })
  rmSync(down)
  await vi.waitFor(() => expect(lines.at(-1)).toBe('some is running again'), { timeout: 10_000, interval: 50 })
  expect(alive(child.pid)).toBe(true)
  expect(child.pid).not.toBe(pid)
})

test('when it cannot be started, the error has how it ended and where its log is', async () => {
  const cwd = temporaryFolder()
  const { child } = childOf('process.exit(3)', cwd)
  await expect(child.start()).rejects.toThrow(
    `some did not start: it ended (exit 3). The log is in ${join(cwd, 'log')}`,
  )
})

test('a process that was killed and then stopped is not started until startAgain is called', async () => {
  const { child, lines } = childOf(SERVES)
  await child.start()
  const { pid } = child
  child.kill('SIGKILL')
  await vi.waitFor(() => expect(lines).toHaveLength(1), { timeout: 10_000 })
  await child.stop()
  expect(alive(pid)).toBe(false)
  await child.startAgain()
  const started = child.pid
  expect(alive(started)).toBe(true)
  // The attempt that was waiting when it was stopped starts no second process.
  await new Promise((resolve) => setTimeout(resolve, respawnPauseMs(0) + 200))
  expect(child.pid).toBe(started)
  expect(lines).toHaveLength(1)
})

function alive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch {
    return false
  }
}
