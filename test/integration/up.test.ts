import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { readEnvironmentFile } from '../../src/cli/installation/environment-file.ts'
import { packageRoot } from '../../src/cli/installation/package-root.ts'
import { publicKeyOf } from '../../src/gate/keyring.ts'
import { main } from '../../src/cli/main.ts'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { readStackFile } from '../../src/stack/stack-file.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'

/** A project of its own, whose configuration names its variables in its own way. */
const CONFIG = `
database: \${SHOP_ENGINE}
runbooks: [runbooks]
connections:
  app-queue: { kind: bullmq, read: '\${APP_REDIS_READ}', write: '\${APP_REDIS_WRITE}', queue: jobs }
people:
  ana: { token: '\${ANA_SECRET}', groups: [oncall] }
  ben: { token: '\${BEN}', groups: [oncall, support] }
signing: { key: '\${SHOP_KEY}' }
hooks: { alertmanager: { bearer: '\${ALERTS}' } }
channels:
  support: { slack: '\${SLACK_WEBHOOK}' }
`

let root: string
let up: ChildProcess
let printed = ''

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'runbook-up-'))
  // PostgreSQL runs as another user, who must be able to reach the folder.
  await chmod(root, 0o755)
  await main(['init'], fakeTerminal({ cwd: root }))
  writeFileSync(join(root, 'runbook.config.yaml'), CONFIG)
  up = spawn(process.execPath, [join(packageRoot(), 'bin', 'runbook.js'), 'up'], {
    cwd: root,
    // It starts its own servers, whatever servers the environment names.
    env: {
      ...process.env,
      RUNBOOK_POSTGRES_URL: undefined,
      REDIS_URL: undefined,
      TEMPORAL_ADDRESS: undefined,
      RUNBOOK_BUILT: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  for (const stream of [up.stdout!, up.stderr!]) stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
  await vi.waitFor(
    () => {
      if (!printed.includes('Ctrl-C stops everything')) throw new Error(`not started${ended()}: ${printed}`)
    },
    { timeout: 90_000 },
  )
})

afterAll(async () => {
  if (up.exitCode === null && up.signalCode === null) {
    up.kill('SIGTERM')
    await once(up, 'exit')
  }
  await eraseStack(join(root, '.runbook'))
  await rm(root, { recursive: true, force: true })
})

const ended = () => (up.exitCode === null ? '' : `, it ended with ${up.exitCode}`)

async function runbook(...argv: string[]): Promise<{ code: number; err: string }> {
  const terminal = fakeTerminal({ cwd: root })
  return { code: await main(argv, terminal), err: terminal.err }
}

async function whoIs(token: string | undefined): Promise<number> {
  const { RUNBOOK_URL } = readEnvironmentFile(root)
  return (await fetch(`${RUNBOOK_URL}/v1/controls`, { headers: { authorization: `Bearer ${token}` } })).status
}

const serverPids = () => Object.entries(readStackFile(join(root, '.runbook'))!.processes).map(([, { pid }]) => pid)
const starts = (log: string, line: string) =>
  readFileSync(join(root, '.runbook', 'logs', log), 'utf8').split(line).length - 1

test('in a folder of its own it makes the tokens and the key that the configuration names, and nothing of the example system', async () => {
  const env = readEnvironmentFile(root)
  expect(Object.keys(env).toSorted()).toEqual([
    'ALERTS',
    'ANA_SECRET',
    'BEN',
    'RUNBOOK_OWNER_URL',
    'RUNBOOK_TOKEN',
    'RUNBOOK_URL',
    'SHOP_ENGINE',
    'SHOP_KEY',
    'TEMPORAL_ADDRESS',
    'TEMPORAL_NAMESPACE',
  ])
  expect(env.RUNBOOK_TOKEN).toBe(env.ANA_SECRET)
  expect([await whoIs(env.ANA_SECRET), await whoIs(env.BEN), await whoIs('another')]).toEqual([200, 200, 401])
  expect(printed).toContain('made the signing key (SHOP_KEY), a token for ana (ANA_SECRET), a token for ben (BEN)')
  for (const secret of [env.ANA_SECRET, env.BEN, env.SHOP_KEY, env.ALERTS]) expect(printed).not.toContain(secret)
  expect(printed).not.toMatch(/maestro:/)
  expect(existsSync(join(root, '.runbook', 'maestro'))).toBe(false)
})

test('up --only engine restarts the worker and the API with the files as they are now, while the servers keep running', async () => {
  const servers = serverPids()
  writeFileSync(
    join(root, 'runbook.config.yaml'),
    CONFIG.replace('signing:', "  cyd: { token: '${CYD}', groups: [oncall] }\nsigning:"),
  )
  expect(await runbook('up', '--only', 'engine')).toMatchObject({
    code: 0,
    err: expect.stringContaining('the worker and the API were restarted'),
  })
  expect(starts('worker.log', 'worker: connected to Temporal')).toBe(2)
  expect(starts('api.log', 'API: http')).toBe(2)
  expect(serverPids()).toEqual(servers)
  expect(await whoIs(readEnvironmentFile(root).CYD)).toBe(200)
  expect((await runbook('list')).code).toBe(0)
})

test('a change of .runbook/env is put into effect without a restart', async () => {
  const before = readEnvironmentFile(root).BEN
  const file = join(root, '.runbook', 'env')
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^BEN=.*$/m, 'BEN=a-token-that-was-chosen-by-hand'))
  await expect.poll(() => whoIs('a-token-that-was-chosen-by-hand'), { timeout: 20_000 }).toBe(200)
  expect(await whoIs(before)).toBe(401)
})

test('after key rotate, the worker accepts the new key without a restart, and doctor finds nothing wrong with keys', async () => {
  expect((await runbook('key', 'rotate')).code).toBe(0)
  const { SHOP_KEY, SHOP_ENGINE } = readEnvironmentFile(root)
  const database = new pg.Client({ connectionString: SHOP_ENGINE })
  await database.connect()
  const keysOfWorker = async () =>
    (await database.query('SELECT signing_keys FROM runbook.workers ORDER BY seen_at DESC LIMIT 1')).rows[0]
      .signing_keys
  await expect.poll(keysOfWorker, { timeout: 30_000 }).toContain(publicKeyOf(SHOP_KEY!))
  await database.end()
  const terminal = fakeTerminal({ cwd: root })
  await main(['doctor', '-o', 'json'], terminal)
  const found = (JSON.parse(terminal.out) as { name: string; ok: boolean }[]).filter(({ name }) => /key/.test(name))
  expect(found.map(({ name, ok }) => [name, ok])).toEqual([
    ['signing key', true],
    ['former signing key', true],
  ])
})

test('with an error in the configuration it is refused, and the worker and the API keep running', async () => {
  const good = readFileSync(join(root, 'runbook.config.yaml'), 'utf8')
  writeFileSync(join(root, 'runbook.config.yaml'), `${good}\nunknown: 1\n`)
  expect(await runbook('up', '--only', 'engine')).toMatchObject({
    code: expect.not.toBeOneOf([0]),
    err: expect.stringMatching(/were not restarted: .*unknown/s),
  })
  writeFileSync(join(root, 'runbook.config.yaml'), good)
  expect(starts('api.log', 'API: http')).toBe(2)
  expect(await whoIs(readEnvironmentFile(root).ANA_SECRET)).toBe(200)
})

test('Ctrl-C ends everything, and then there is nothing to restart', async () => {
  up.kill('SIGINT')
  await once(up, 'exit')
  expect(up.exitCode).toBe(0)
  expect(existsSync(join(root, '.runbook', 'up.json'))).toBe(false)
  expect((await runbook('up', '--only', 'engine')).err).toContain('"runbook up" is not running in')
})
