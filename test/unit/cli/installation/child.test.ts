import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Child } from '../../../../src/cli/installation/child.ts'
import { respawnPauseMs } from '../../../../src/stack/respawn-pause.ts'

function folder(): string {
  const made = mkdtempSync(join(tmpdir(), 'child-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

/** Runs this code, in which `process.send({ ready: true })` says that it is ready. */
function childOf(code: string, cwd = folder()): { child: Child; said: string[] } {
  const said: string[] = []
  const child = new Child({
    name: 'some',
    argv: ['-e', code],
    cwd,
    env: {},
    logFile: join(cwd, 'log'),
    respawn: true,
    log: (line) => said.push(line),
  })
  onTestFinished(() => child.stop())
  return { child, said }
}

const SERVES = 'process.send({ ready: true }); setInterval(() => {}, 1000)'

test('each death is told alike, also of one that was not ready yet, and so is the end of the trouble', async () => {
  const cwd = folder()
  const down = join(cwd, 'down')
  const { child, said } = childOf(
    `if (require('fs').existsSync(${JSON.stringify(down)})) process.exit(3); ${SERVES}`,
    cwd,
  )
  await child.start()
  const { pid } = child
  writeFileSync(down, '')
  child.kill('SIGKILL')
  const again = `starting it again (its log: ${join(cwd, 'log')})`
  await vi.waitFor(() => expect(said).toEqual([`some ended (SIGKILL); ${again}`, `some ended (exit 3); ${again}`]), {
    timeout: 10_000,
  })
  rmSync(down)
  await vi.waitFor(() => expect(said.at(-1)).toBe('some: runs again'), { timeout: 10_000, interval: 50 })
  expect(alive(child.pid)).toBe(true)
  expect(child.pid).not.toBe(pid)
})

test('one that cannot be started says how it ended, and where its log is', async () => {
  const cwd = folder()
  const { child } = childOf('process.exit(3)', cwd)
  await expect(child.start()).rejects.toThrow(`some did not start: it ended (exit 3); its log is ${join(cwd, 'log')}`)
})

test('a process that was killed and stopped stays away until it is started once more', async () => {
  const { child, said } = childOf(SERVES)
  await child.start()
  const { pid } = child
  child.kill('SIGKILL')
  await vi.waitFor(() => expect(said).toHaveLength(1), { timeout: 10_000 })
  await child.stop()
  expect(alive(pid)).toBe(false)
  await child.startAgain()
  const started = child.pid
  expect(alive(started)).toBe(true)
  // The turn that was waiting when it was stopped starts no second one.
  await new Promise((resolve) => setTimeout(resolve, respawnPauseMs(0) + 200))
  expect(child.pid).toBe(started)
  expect(said).toHaveLength(1)
})

function alive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch {
    return false
  }
}
