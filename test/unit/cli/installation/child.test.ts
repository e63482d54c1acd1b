import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Child } from '../../../../src/cli/installation/child.ts'

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

test('a process that dies is started again, also when the first try to do so fails', async () => {
  const cwd = folder()
  const down = join(cwd, 'down')
  const { child, said } = childOf(
    `if (require('fs').existsSync(${JSON.stringify(down)})) process.exit(1); ${SERVES}`,
    cwd,
  )
  await child.start()
  const { pid } = child
  writeFileSync(down, '')
  child.kill('SIGKILL')
  await vi.waitFor(() => expect(said).toContain(`some did not start: see ${join(cwd, 'log')}`), { timeout: 5_000 })
  rmSync(down)
  await vi.waitFor(() => expect(alive(child.pid)).toBe(true), { timeout: 5_000, interval: 50 })
  expect(child.pid).not.toBe(pid)
  expect(existsSync(down)).toBe(false)
})

test('a process that was killed and stopped stays away until it is started once more', async () => {
  const { child, said } = childOf(SERVES)
  await child.start()
  child.kill('SIGKILL')
  await child.stop()
  expect(alive(child.pid)).toBe(false)
  expect(said).toEqual([])
  await child.startAgain()
  expect(alive(child.pid)).toBe(true)
})

function alive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch {
    return false
  }
}
