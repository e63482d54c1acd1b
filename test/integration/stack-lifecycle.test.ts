import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { Redis } from 'ioredis'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { doctorStack } from '../../src/stack/doctor-stack.ts'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { identify } from '../../src/stack/process-identity.ts'
import { readRunningStack, readStackFile } from '../../src/stack/stack-file.ts'
import { startStack } from '../../src/stack/stack.ts'
import type { Stack, StackOptions } from '../../src/stack/stack.ts'

/** The stack that the suites share uses the usual ports: these stacks choose others. */
let dir: string
let lines: string[]
const started: Stack[] = []

beforeEach(async () => {
  for (const variable of ['RUNBOOK_POSTGRES_URL', 'REDIS_URL', 'TEMPORAL_ADDRESS']) vi.stubEnv(variable, undefined)
  dir = await mkdtemp(join(tmpdir(), 'stack-'))
  await chmod(dir, 0o755)
  lines = []
})
afterEach(async () => {
  vi.unstubAllEnvs()
  for (const stack of started.splice(0)) await stack.stop()
  await eraseStack(dir)
})

async function start(options: Partial<StackOptions> = {}): Promise<Stack> {
  const stack = await startStack({ dir, temporal: 'memory', log: (line) => lines.push(line), ...options })
  started.push(stack)
  return stack
}

describe('PostgreSQL', () => {
  test('a committed row survives kill -9 and a restart, on the same port', async () => {
    const { postgres } = await start({ services: ['postgres'] })
    await query(postgres.url, 'CREATE TABLE kept AS SELECT 1 AS one')
    await postgres.kill()
    await expect(query(postgres.url, 'SELECT 1')).rejects.toThrow(/ECONNREFUSED/)
    await postgres.start()
    await postgres.restart()
    expect(await query(postgres.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }])
  })

  test('it requires a password, listens on this machine only, and accepts 200 connections', async () => {
    const { postgres } = await start({ services: ['postgres'] })
    const wrong = new URL(postgres.url)
    wrong.password = 'wrong'
    await expect(query(wrong.href, 'SELECT 1')).rejects.toThrow(/password authentication failed/)
    const [settings] = await query(
      postgres.url,
      `SELECT current_setting('listen_addresses') AS listen, current_setting('max_connections') AS connections`,
    )
    expect(settings).toEqual({ listen: '127.0.0.1', connections: '200' })
    expect((await stat(join(dir, 'secrets.json'))).mode & 0o777).toBe(0o600)
    expect((await stat(join(dir, 'stack.json'))).mode & 0o777).toBe(0o600)
  })

  test('a lost secrets.json is an error, and the data is kept', async () => {
    await (await start({ services: ['postgres'] })).stop()
    await rm(join(dir, 'secrets.json'))
    await expect(start({ services: ['postgres'] })).rejects.toMatchObject({
      code: 'RUNBOOK_CONFLICT',
      message: expect.stringContaining('restore that file'),
    })
    expect(await readFile(join(dir, 'postgres/data/PG_VERSION'), 'utf8')).toMatch(/^\d+\n$/)
  })

  test.runIf(process.getuid?.() === 0)(
    'for root in a private home folder the data is elsewhere, and is removed after the folder was removed',
    async () => {
      await chmod(dir, 0o700)
      const first = await start({ services: ['postgres'] })
      expect(lines.join('\n')).toMatch(/cannot reach .* the data is in \/var\/lib\/maestro-runbooks\//)
      await query(first.postgres.url, 'CREATE TABLE kept AS SELECT 1 AS one')
      await first.stop()
      await rm(dir, { recursive: true })
      await mkdir(dir, { mode: 0o700 })
      const second = await start({ services: ['postgres'] })
      await expect(query(second.postgres.url, 'SELECT one FROM kept')).rejects.toThrow(/does not exist/)
    },
  )
})

test('a Redis user that was saved, and a key, survive kill -9', async () => {
  const { redis } = await start({ services: ['redis'] })
  await command(redis.url, 'ACL', 'SETUSER', 'reader', 'on', '>secret', '~*', '+get')
  await command(redis.url, 'ACL', 'SAVE')
  await command(redis.url, 'SET', 'key', 'value')
  await redis.kill()
  await redis.start()
  expect(await command(redis.url.replace(/\/\/.*@/, '//reader:secret@'), 'GET', 'key')).toBe('value')
  expect(await command(redis.url, 'CONFIG', 'GET', 'maxmemory-policy')).toEqual(['maxmemory-policy', 'noeviction'])
  await expect(command(redis.url.replace(/\/\/.*@/, '//'), 'GET', 'key')).rejects.toThrow(/NOAUTH/)
})

test('in file mode a waiting workflow is still waiting after kill -9, and after the stack was stopped and started', async () => {
  const first = await start({ services: ['temporal'], temporal: 'file', searchAttributes: { RunbookKey: 'Keyword' } })
  await withTemporal(first.temporal.address, (client) =>
    client.workflow.start('waits', { taskQueue: 'nobody', workflowId: 'INC-1' }),
  )
  await first.temporal.kill()
  await first.temporal.start()
  await first.stop()
  const second = await start({ services: ['temporal'], temporal: 'file', searchAttributes: { RunbookKey: 'Keyword' } })
  expect(second.temporal.address).toBe(first.temporal.address)
  await withTemporal(second.temporal.address, async (client) => {
    expect((await client.workflow.getHandle('INC-1').describe()).status.name).toBe('RUNNING')
  })
})

test('Temporal has the requested namespace and search attributes', async () => {
  const { temporal } = await start({
    services: ['temporal'],
    namespace: 'mine',
    searchAttributes: { RunbookKey: 'Keyword' },
  })
  await withTemporal(temporal.address, async ({ connection }) => {
    const { customAttributes } = await connection.operatorService.listSearchAttributes({ namespace: 'mine' })
    expect(Object.keys(customAttributes)).toContain('RunbookKey')
  })
})

test('a second start in the same folder is refused, with the pid and the addresses of the first', async () => {
  const stack = await start({ services: ['redis'] })
  await expect(start()).rejects.toMatchObject({
    code: 'RUNBOOK_CONFLICT',
    message: expect.stringContaining(`already running (pid ${process.pid})`),
    detail: { pid: process.pid, redisUrl: stack.redis.url },
  })
  expect(await readRunningStack(dir)).toEqual({ pid: process.pid, redisUrl: stack.redis.url })
  await stack.stop()
  expect(await readRunningStack(dir)).toBeNull()
})

test('when one server cannot be started the others are ended, and the folder can be used again', async () => {
  vi.stubEnv('TEMPORAL_ADDRESS', '127.0.0.1:1')
  await expect(start({ services: ['redis', 'temporal'] })).rejects.toMatchObject({
    code: 'RUNBOOK_UNREACHABLE',
    message: expect.stringContaining('TEMPORAL_ADDRESS (127.0.0.1:1) cannot be used'),
  })
  expect(readStackFile(dir)?.processes).toEqual({})
  vi.stubEnv('TEMPORAL_ADDRESS', undefined)
  await start({ services: ['redis'] })
})

test('servers given in the environment are used, and never stopped', async () => {
  const own = await start({ services: ['postgres', 'redis'] })
  vi.stubEnv('RUNBOOK_POSTGRES_URL', own.postgres.url)
  vi.stubEnv('REDIS_URL', own.redis.url)
  const guest = await startStack({
    dir: `${dir}-guest`,
    temporal: 'memory',
    services: ['postgres', 'redis'],
    log: () => undefined,
  })
  expect([guest.postgres.url, guest.redis.url]).toEqual([own.postgres.url, own.redis.url])
  await expect(guest.redis.kill()).rejects.toThrow(/was not started here/)
  await guest.stop()
  await eraseStack(`${dir}-guest`)
  expect(await command(own.redis.url, 'PING')).toBe('PONG')
})

test.each([
  ['RUNBOOK_POSTGRES_URL', 'postgres://u:p@192.0.2.1/db'],
  ['REDIS_URL', 'redis://192.0.2.1:6379'],
  ['TEMPORAL_ADDRESS', '192.0.2.1:7233'],
])('a server on another machine is refused in %s', async (variable, value) => {
  vi.stubEnv(variable, value)
  await expect(start()).rejects.toMatchObject({ code: 'RUNBOOK_CONFIG', message: expect.stringContaining(variable) })
})

test('the doctor shows what would be used and whether it is running, and queries each server', async () => {
  const options = { needed: false, start: '"runbook up"' }
  const { redis } = await start({ services: ['redis', 'temporal'] })
  const findings = await doctorStack(dir, options)
  expect(findings.map(({ name, ok }) => [name, ok])).toEqual(
    ['Node', 'PostgreSQL', 'Redis', 'Temporal', 'stack', 'stack Redis', 'stack Temporal'].map((name) => [name, true]),
  )
  expect(findings.find(({ name }) => name === 'stack')?.detail).toContain(`pid ${process.pid}`)
  expect(JSON.stringify(findings)).not.toContain(new URL(redis.url).password)
})

test('the doctor reports a server that hangs, and one that has ended', async () => {
  const { redis, temporal } = await start({ services: ['redis', 'temporal'] })
  await redis.kill()
  process.kill(temporal.pid!, 'SIGSTOP')
  const findings = await doctorStack(dir, { needed: false, start: '"npm start"' })
  process.kill(temporal.pid!, 'SIGCONT')
  const [ofRedis, ofTemporal] = ['stack Redis', 'stack Temporal'].map((one) =>
    findings.find(({ name }) => name === one),
  )
  expect(ofRedis).toMatchObject({ ok: false, detail: expect.stringContaining('ECONNREFUSED') })
  expect(ofTemporal).toMatchObject({ ok: false, detail: expect.stringContaining('does not answer') })
  expect(ofTemporal?.fix).toContain('"npm start"')
})

test('where nothing is running, the doctor shows how to start what is missing', async () => {
  const find = async (needed: boolean) =>
    (await doctorStack(dir, { needed, start: '"npm start"' })).find(({ name }) => name === 'stack')
  expect(await find(true)).toMatchObject({ ok: false, fix: expect.stringContaining('"npm start"') })
  expect(await find(false)).toMatchObject({ ok: true })
})

test('with `respawn` a server that ends by itself is started again, on the same port and data', async () => {
  const { redis } = await start({ services: ['redis'], respawn: true })
  await command(redis.url, 'SET', 'key', 'value')
  process.kill(redis.pid!, 'SIGKILL')
  await vi.waitFor(() => expect(lines.at(-1)).toBe('redis: answers again'), { timeout: 30_000, interval: 50 })
  expect(await command(redis.url, 'GET', 'key')).toBe('value')
  expect(readStackFile(dir)?.processes.redis?.pid).toBe(redis.pid)
})

describe('a process that runs a stack', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('ends every server on %s', async (signal) => {
    const owner = await startOwner()
    const servers = serverPids()
    expect(servers).toHaveLength(3)
    owner.kill(signal)
    await once(owner, 'exit')
    for (const pid of servers) expect(await identify(pid)).toBeNull()
    expect(await readRunningStack(dir)).toBeNull()
  })

  test('signals every server when it exits without stopping them', async () => {
    const owner = await startOwner()
    const servers = serverPids()
    owner.kill('SIGUSR2')
    await once(owner, 'exit')
    for (const pid of servers) await expect.poll(() => identify(pid), { timeout: 15_000 }).toBeNull()
  })

  test('can be killed: the next start ends the remaining servers, and has the data', async () => {
    const owner = await startOwner()
    const orphans = serverPids()
    const { postgresUrl } = (await readRunningStack(dir)) as { postgresUrl: string }
    await query(postgresUrl, 'CREATE TABLE kept AS SELECT 1 AS one')
    owner.kill('SIGKILL')
    await once(owner, 'exit')
    for (const pid of orphans) expect(await identify(pid)).not.toBeNull()

    const { postgres } = await start()
    for (const pid of orphans) expect(await identify(pid)).toBeNull()
    expect(lines.filter((line) => line.includes('a crash left running'))).toHaveLength(3)
    expect(postgres.url).toBe(postgresUrl)
    expect(await query(postgres.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }])
  })

  test('does not end another process that has the pid of a former server now', async () => {
    const { stop } = await start({ services: ['redis'] })
    await stop()
    const stranger = spawn('sleep', ['60'])
    const file = await readFile(join(dir, 'stack.json'), 'utf8')
    const stale = { ...JSON.parse(file), processes: { redis: { pid: stranger.pid, started: 'another time' } } }
    execFileSync('tee', [join(dir, 'stack.json')], {
      input: JSON.stringify(stale),
      stdio: ['pipe', 'ignore', 'inherit'],
    })
    await start({ services: ['redis'] })
    expect(await identify(stranger.pid as number)).not.toBeNull()
    stranger.kill()
  })
})

/** Starts a process that owns a stack. It runs the built code, because Node 20 cannot run TypeScript. SIGUSR2 makes it exit without stopping its servers. */
async function startOwner(): Promise<ChildProcess> {
  const module = new URL('../../dist/src/stack/stack.js', import.meta.url).href
  const script = `
    const { startStack } = await import(${JSON.stringify(module)})
    process.on('SIGUSR2', () => process.exit(0))
    await startStack({ dir: ${JSON.stringify(dir)}, temporal: 'memory', log: () => undefined })
    console.log('ready')
    setInterval(() => undefined, 1000)`
  const owner = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const outcome = await Promise.race([once(owner.stdout, 'data'), once(owner, 'exit')])
  expect(String(outcome[0])).toBe('ready\n')
  return owner
}

function serverPids(): number[] {
  return Object.values(readStackFile(dir)?.processes ?? {}).map(({ pid }) => pid)
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => undefined)
  try {
    await client.connect()
    return (await client.query(sql)).rows
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function command(url: string, name: string, ...args: string[]): Promise<unknown> {
  const redis = new Redis(url, { lazyConnect: true, enableReadyCheck: false })
  redis.on('error', () => undefined)
  try {
    return await redis.call(name, ...args)
  } finally {
    redis.disconnect()
  }
}

async function withTemporal(address: string, work: (client: Client) => Promise<unknown>): Promise<void> {
  const connection = await Connection.connect({ address })
  try {
    await work(new Client({ connection }))
  } finally {
    await connection.close()
  }
}
