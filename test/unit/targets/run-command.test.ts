import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Secret } from '../../../src/config/secret.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { openProcess } from '../../../src/targets/open-process.ts'
import { renderCommand, runCommand } from '../../../src/targets/run-command.ts'
import { startWithin } from '../../../src/targets/start-by.ts'
import type { ProcessTarget } from '../../../src/targets/targets.ts'

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'command-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

function open(commands: Record<string, string[]>): ProcessTarget {
  const environment = { GIVEN: new Secret('${GIVEN}', 'test', 'given', []) }
  return openProcess('ctl', { kind: 'process', cwd, commands, env: ['GIVEN'], environment })
}

function run(target: ProcessTarget, name: string, values: JsonObject, limits: { timeoutMs: number }) {
  return runCommand(target, name, renderCommand(target, name, values), limits)
}

const script = (code: string) => ['node', '-e', code]

test('arguments are passed unchanged, without a shell', async () => {
  const target = open({
    show: [...script('console.log(JSON.stringify(process.argv.slice(1)))'), '--', '{n:int}', '{w:word}', '$(id); *'],
  })
  const { stdout, exitCode } = await run(target, 'show', { n: 3, w: 'a-b.c' }, { timeoutMs: 5_000 })
  expect(JSON.parse(stdout)).toEqual(['3', 'a-b.c', '$(id); *'])
  expect(exitCode).toBe(0)
})

test.each([
  [{ n: -1, w: 'a' }, 'n is -1, not a whole number'],
  [{ n: 1.5, w: 'a' }, 'n is 1.5'],
  [{ n: '1e3', w: 'a' }, 'n is "1e3"'],
  [{ n: 1, w: '--force' }, 'w is "--force", not one word'],
  [{ n: 1, w: 'a b' }, 'w is "a b"'],
  [{ n: 1, w: '../x' }, 'w is "../x"'],
  [{ n: 1, w: 'a\n' }, 'w is "a\\n"'],
  [{ n: 1, w: 'x'.repeat(129) }, 'not one word'],
  [{ n: 1, w: ['a'] }, 'w is ["a"]'],
  [{ n: 1 }, 'w is null'],
  [{ n: 1, w: 'a', extra: 1 }, 'has no placeholder "extra"'],
])('the values %o are refused', (values, message) => {
  const target = open({ go: ['node', '{n:int}', '{w:word}'] })
  expect(() => renderCommand(target, 'go', values)).toThrow(message)
})

test('an unknown command is refused; the message lists the configured commands', () => {
  expect(() => renderCommand(open({ go: ['node'] }), 'toString', {})).toThrow('no command "toString". Its commands: go')
})

test('the program is pinned to the path it had when the target was opened', () => {
  const target = open({ go: ['node'] })
  expect(target.commands.go![0]).toMatch(/^\/.*\/node$/)
  expect(() => open({ go: ['no-such-program'] })).toThrow('command go: no executable program "no-such-program" in PATH')
})

test('the environment contains PATH, HOME, LANG and the configured variables only', async () => {
  process.env.NOT_GIVEN = 'secret'
  const target = open({ env: script('console.log(JSON.stringify(Object.keys(process.env).sort()))') })
  const { stdout } = await run(target, 'env', {}, { timeoutMs: 5_000 })
  delete process.env.NOT_GIVEN
  expect((JSON.parse(stdout) as string[]).filter((name) => !name.startsWith('__'))).toEqual([
    'GIVEN',
    'HOME',
    'LANG',
    'PATH',
  ])
})

test('a non-zero exit code is a result and includes the output', async () => {
  const target = open({ fail: script('console.error("why"); process.exit(3)') })
  expect(await run(target, 'fail', {}, { timeoutMs: 5_000 })).toMatchObject({
    exitCode: 3,
    signal: null,
    stderr: 'why\n',
    timedOut: false,
  })
})

test('long output is truncated', async () => {
  const target = open({ talk: script('process.stdout.write("x".repeat(1_000_000))') })
  const { stdout, truncated } = await run(target, 'talk', {}, { timeoutMs: 5_000 })
  expect(stdout).toHaveLength(16 * 1024)
  expect(truncated).toBe(true)
})

test('at the timeout the whole process group is killed, including children that ignore SIGTERM', async () => {
  const child = `process.on('SIGTERM', () => {}); process.send?.('up'); setInterval(() => {}, 1000)`
  writeFileSync(join(cwd, 'child.cjs'), child)
  const parent = `const c = require('child_process').fork('child.cjs'); c.on('message', () => console.log(c.pid)); setInterval(() => {}, 1000)`
  const result = await run(open({ hang: script(parent) }), 'hang', {}, { timeoutMs: 1_500 })
  expect(result).toMatchObject({ timedOut: true, signal: 'SIGTERM' })
  const pid = Number(result.stdout)
  expect(pid).toBeGreaterThan(0)
  await expect.poll(() => alive(pid), { timeout: 5_000 }).toBe(false)
})

test('a daemon that the command starts does not delay the result and keeps running', async () => {
  const daemon = `setTimeout(() => {}, 3000)`
  const starter = `const c = require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(daemon)}], { detached: true, stdio: 'inherit' }); c.unref(); console.log(c.pid)`
  const result = await run(open({ start: script(starter) }), 'start', {}, { timeoutMs: 5_000 })
  expect(result).toMatchObject({ exitCode: 0, timedOut: false })
  expect(result.durationMs).toBeLessThan(2_500)
  expect(alive(Number(result.stdout))).toBe(true)
  process.kill(Number(result.stdout), 'SIGKILL')
})

test('processes that the command leaves in its group keep running after its normal end', async () => {
  const starter = `const c = require('child_process').spawn(process.execPath, ['-e', 'setTimeout(() => {}, 20000)'], { stdio: 'ignore' }); c.unref(); console.log(c.pid)`
  const { stdout, exitCode } = await run(open({ start: script(starter) }), 'start', {}, { timeoutMs: 5_000 })
  expect(exitCode).toBe(0)
  expect(alive(Number(stdout))).toBe(true)
  process.kill(Number(stdout), 'SIGKILL')
})

test('the command of a killed worker ends at its timeout, with its whole group', async () => {
  writeFileSync(
    join(cwd, 'command.cjs'),
    `process.on('SIGTERM', () => {}); require('fs').writeFileSync('pid', String(process.pid)); setInterval(() => {}, 1000)`,
  )
  const supervisor = fileURLToPath(new URL('../../../src/targets/supervisor.mjs', import.meta.url))
  const message = { argv: [process.execPath, 'command.cjs'], cwd, environment: {}, timeoutMs: 1_500 }
  const worker = `const c = require('child_process').spawn(process.execPath, [${JSON.stringify(supervisor)}], { env: {}, stdio: ['ignore', 'pipe', 'pipe', 'ipc'], detached: true });
    c.send({ ...${JSON.stringify(message)}, startBy: { timeOfDay: Date.now() + 1500, steady: Number.MAX_SAFE_INTEGER } }); c.on('message', () => process.kill(process.pid, 'SIGKILL'))`
  const killed = spawn(process.execPath, ['-e', worker])
  await once(killed, 'exit')
  expect(killed.signalCode).toBe('SIGKILL')
  const pidOf = () => (existsSync(join(cwd, 'pid')) ? Number(readFileSync(join(cwd, 'pid'), 'utf8')) : 0)
  await expect.poll(pidOf, { timeout: 1_400 }).toBeGreaterThan(0)
  const pid = pidOf()
  expect(alive(pid)).toBe(true)
  await expect.poll(() => alive(pid), { timeout: 6_000 }).toBe(false)
})

test('nobody knows what a command did whose supervisor was killed, and its group is ended', async () => {
  const supervisorPid = `require('fs').writeFileSync('pid', String(process.pid)); process.kill(process.ppid, 'SIGKILL'); setInterval(() => {}, 1000)`
  await expect(run(open({ orphan: script(supervisorPid) }), 'orphan', {}, { timeoutMs: 5_000 })).rejects.toThrow(
    'the process that supervised the command ended too early',
  )
  const pid = Number(readFileSync(join(cwd, 'pid'), 'utf8'))
  await expect.poll(() => alive(pid), { timeout: 2_000 }).toBe(false)
})

test.each([
  ['by the time of day', { timeOfDay: -1 }],
  ['by the steady clock, although the time of day was set back', { steady: -1 }],
])('a command is not started later than allowed %s', async (_, past) => {
  const target = open({ show: script('require("fs").writeFileSync("ran", "")') })
  const argv = renderCommand(target, 'show', {})
  const startBy = { ...startWithin(60_000), ...past }
  await expect(runCommand(target, 'show', argv, { timeoutMs: 5_000, startBy })).rejects.toMatchObject({
    code: 'RUNBOOK_UNREACHABLE',
    message: 'command show could not be started: the deadline of the command had passed before it could be started',
  })
  expect(existsSync(join(cwd, 'ran'))).toBe(false)
})

test('without free file descriptors, the command was not started, and the worker goes on', async () => {
  const target = open({ show: script('console.log(1)') })
  const held: number[] = []
  let result: Promise<unknown>
  try {
    for (;;) held.push(openSync('/dev/null', 'r'))
  } catch {
    result = run(target, 'show', {}, { timeoutMs: 5_000 })
  } finally {
    for (const descriptor of held) closeSync(descriptor)
  }
  await expect(result).rejects.toMatchObject({
    code: 'RUNBOOK_UNREACHABLE',
    message: expect.stringContaining('EMFILE'),
  })
  expect(await run(target, 'show', {}, { timeoutMs: 5_000 })).toMatchObject({ exitCode: 0 })
})

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test('a placeholder may be a part of an argument', () => {
  const target = open({ scale: ['node', '--scale', 'worker={n:int}', '{{.Name}}', '{w:word}/{n:int}'] })
  expect(renderCommand(target, 'scale', { n: 4, w: 'eu' }).slice(1)).toEqual([
    '--scale',
    'worker=4',
    '{{.Name}}',
    'eu/4',
  ])
  expect(() => renderCommand(target, 'scale', { n: '4 --rm', w: 'eu' })).toThrow('n is "4 --rm"')
})

test('the end of a long output is kept, without half a character', async () => {
  const target = open({ talk: script('process.stdout.write("é".repeat(100_000) + "the error")') })
  const { stdout, truncated } = await run(target, 'talk', {}, { timeoutMs: 5_000 })
  expect(stdout).toMatch(/^é+the error$/)
  expect(truncated).toBe(true)
})

test('output that arrives while this process is busy is not lost', async () => {
  const target = open({ late: ['sh', '-c', 'echo first; (sleep 0.1; echo last) & exit 0'] })
  let isRunning = true
  // Between two turns of the event loop, this process is busy for longer than it waits for the rest of the output.
  const block = () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 400)
    if (isRunning) setImmediate(block)
  }
  setImmediate(block)
  try {
    const { stdout } = await run(target, 'late', {}, { timeoutMs: 20_000 })
    expect(stdout).toBe('first\nlast\n')
  } finally {
    isRunning = false
  }
})

test('a program in the background that never stops writing does not delay the result', async () => {
  const target = open({ noisy: ['sh', '-c', '(while :; do echo noise || exit; done) & echo started'] })
  const { stdout, truncated, durationMs } = await run(target, 'noisy', {}, { timeoutMs: 20_000 })
  expect([stdout.length > 0, truncated]).toEqual([true, true])
  expect(durationMs).toBeLessThan(5_000)
})
