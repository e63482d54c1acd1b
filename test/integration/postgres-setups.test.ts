import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chown, chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { doctorConnections } from '../../src/engine/setup/doctor-connections.ts'
import { freePort } from '../../src/stack/ports.ts'
import { postgresUser, type SystemUser } from '../../src/stack/postgres-user.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { makeCertificate } from '../support/certificates.ts'
import { check, openTestTargets, postgresConnection } from '../support/connections.ts'
import {
  addRun,
  createEffectsWorld,
  depsFor,
  openTestGate,
  permits,
  readRun,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'
import { openssl, pathOf, pgbouncer, skipWithout } from '../support/server-programs.ts'
import { serverDir, spawnServer } from '../support/spawned-server.ts'

const [bouncer, ssl] = [await pgbouncer(), await openssl()]
const reader = `reader_${randomBytes(4).toString('hex')}`
let world: EffectsWorld
let user: SystemUser | null
const cleanups: (() => unknown)[] = []

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
  user = await postgresUser(() => {})
  await world.owner.query(`CREATE ROLE ${reader} LOGIN PASSWORD 'of-${reader}'`)
  await world.owner.query(`GRANT SELECT ON runs TO ${reader}; GRANT pg_monitor TO ${reader}`)
})
beforeEach((context) => skipWithout(context, bouncer, ssl))
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
afterAll(async () => {
  await world?.owner.query(`DROP OWNED BY ${reader}; DROP ROLE ${reader}`)
  await world?.close()
})

function at(url: string, host: string, login?: { user: string; password: string }): string {
  const changed = new URL(url)
  changed.host = host
  if (login) [changed.username, changed.password] = [login.user, login.password]
  return changed.href
}
const readUrl = (host: string) => at(world.writeUrl, host, { user: reader, password: `of-${reader}` })

/** The certificate with which a server that requires one is asked whether it has started. */
function clientOf({
  client_tls_ca_file: ca,
  client_tls_cert_file: cert,
  client_tls_key_file: key,
}: Record<string, string>) {
  return ca && cert && key ? { cert: readFileSync(cert), key: readFileSync(key) } : {}
}

/** PgBouncer in front of the diagnosed database. */
async function startBouncer(
  settings: Record<string, string> = {},
): Promise<{ host: string; port: number; dir: string }> {
  const { dir, remove } = await serverDir(user)
  const port = await freePort([])
  const server = new URL(world.writeUrl)
  const options = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    auth_type: 'plain',
    auth_file: join(dir, 'users.txt'),
    unix_socket_dir: dir,
    ...settings,
  }
  const lines = Object.entries(options).map(([name, value]) => `${name} = ${value}`)
  const databases = `* = host=${server.hostname} port=${server.port}`
  const users = [new URL(world.writeUrl), new URL(readUrl(server.host))].map(
    (one) => `"${one.username}" "${one.password}"`,
  )
  await writeFile(join(dir, 'users.txt'), users.join('\n'))
  await writeFile(join(dir, 'pgbouncer.ini'), `[databases]\n${databases}\n[pgbouncer]\n${lines.join('\n')}\n`)
  const isTls = settings.client_tls_sslmode !== undefined
  const probe = async () => {
    const client = new pg.Client({
      connectionString: readUrl(`127.0.0.1:${port}`),
      ...(isTls ? { ssl: { rejectUnauthorized: false, ...clientOf(settings) } } : {}),
    })
    client.on('error', () => {})
    await client.connect().finally(() => client.end())
  }
  const started = await spawnServer(pathOf(bouncer), [join(dir, 'pgbouncer.ini')], { probe, user })
  cleanups.push(() => started.kill(), remove)
  return { host: `127.0.0.1:${port}`, port, dir }
}

function open(read: string, write = read): Targets {
  const targets = openTestTargets({ c: postgresConnection(read, write) })
  cleanups.push(() => targets.close())
  return targets
}

async function apply(targets: Targets, set: JsonObject, where: JsonObject): Promise<Effect> {
  const parameters = { connection: 'c', table: 'runs', set, where, rows: 1 }
  const request = requestFor(await openTestGate(world), 'sql.update', parameters)
  const answer = await executeEffect(request, depsFor(world, targets, permits().takePermit))
  if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
  return answer.effect
}

const statusOf = (id: string) => ({
  sql: 'SELECT status FROM runs WHERE id = $1',
  params: [id],
  columns: { status: 'string' },
})

describe.each(['session', 'transaction'])('PgBouncer that pools by %s', (mode) => {
  test('checks and writes work, and no setting or lock stays for other clients', async () => {
    const { host } = await startBouncer({ pool_mode: mode, default_pool_size: mode === 'session' ? '6' : '2' })
    const targets = open(readUrl(host), at(world.writeUrl, host))
    for (const id of ['a', 'b', 'c']) await addRun(world, `${mode}-${id}`)
    const found = await Promise.all(['a', 'b', 'c'].map((id) => check(targets, 'sql.query', statusOf(`${mode}-${id}`))))
    for (const { result } of found) expect(result).toMatchObject({ rows: [{ status: 'RUNNING' }] })
    const effects = await Promise.all(
      ['a', 'b', 'c'].map((id) => apply(targets, { status: 'FAILED' }, { id: `${mode}-${id}` })),
    )
    expect(effects.map(({ result }) => result)).toEqual(['applied', 'applied', 'applied'])
    expect(await readRun(world, `${mode}-a`)).toMatchObject({ status: 'FAILED', changes: 1 })
    const settings = await check(targets, 'sql.query', {
      sql: `SELECT source, setting FROM pg_settings WHERE name = 'statement_timeout'`,
      columns: { source: 'string', setting: 'string' },
    })
    expect(settings.result).toMatchObject({ rows: [{ source: 'session' }] })
    const other = new pg.Client(readUrl(host))
    await other.connect()
    const { rows } = await other.query(
      `SELECT current_setting('statement_timeout') AS limit, (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()) AS locks`,
    )
    await other.end()
    expect(rows).toEqual([{ limit: '0', locks: 0 }])
  })
})

describe('PgBouncer refuses', () => {
  test.each<[string, () => Record<string, string>, (host: string) => string, string]>([
    ['a wrong password', () => ({}), (host) => readUrl(host).replace(`:of-`, ':no-'), 'refuses the login'],
    [
      'a parameter of the address',
      () => ({}),
      (host) => `${readUrl(host)}?options=-c%20statement_timeout%3D1000`,
      'is a pooler that refuses a parameter of the address',
    ],
    ['a login without TLS', () => ({}), (host) => `${readUrl(host)}?sslmode=verify-full`, 'does not offer TLS'],
  ])('%s: the message says so', async (_, settings, address, expected) => {
    const { host } = await startBouncer(settings())
    const { status, error } = await check(open(address(host)), 'sql.query', statusOf('x'))
    expect([status, error]).toEqual(['failed', expect.stringContaining(expected)])
  })

  test('transactions, when it pools by statement: doctor and the check say so', async () => {
    const { host } = await startBouncer({ pool_mode: 'statement' })
    const { status, error } = await check(open(readUrl(host)), 'sql.query', statusOf('x'))
    expect([status, error]).toEqual(['failed', expect.stringMatching(/transaction/i)])
    const [finding] = await doctorConnections({ connections: { c: postgresConnection(readUrl(host)) } })
    expect(finding).toMatchObject({ ok: false, detail: expect.stringMatching(/transaction/i) })
  })
})

test('a socket of another folder is used, as for Cloud SQL', async () => {
  const { dir, port } = await startBouncer()
  await chmod(dir, 0o755)
  const { username, password, pathname } = new URL(readUrl('x'))
  const targets = open(`postgres://${username}:${password}@${pathname}?host=${dir}&port=${port}`)
  await addRun(world, 'socket')
  expect(await check(targets, 'sql.query', statusOf('socket'))).toMatchObject({
    result: { rows: [{ status: 'RUNNING' }] },
  })
  expect((await targets.postgres('c', 'read')).address).toBe(`${dir}:${port}${pathname}`)
})

describe('a certificate', () => {
  const address = (host: string, more = '') => `${readUrl(host)}?sslmode=verify-full${more}`

  test.each([
    ['of an unknown CA', 'localhost', 2, false, 'Set NODE_EXTRA_CA_CERTS'],
    ['that has expired', 'localhost', -1, true, 'Renew the certificate'],
    ['of another host', 'db.example.com', 2, true, 'Use a host name of the certificate'],
  ])('%s: the message says what to do', async (_, name, days, isKnown, expected) => {
    const { dir, remove } = await serverDir(user)
    cleanups.push(remove)
    const files = await makeCertificate(pathOf(ssl), dir, name, days)
    if (user) for (const file of Object.values(files)) await chown(file, user.uid, user.gid)
    const tls = { client_tls_sslmode: 'require', client_tls_key_file: files.key, client_tls_cert_file: files.cert }
    const { port } = await startBouncer(tls)
    const more = isKnown ? `&sslrootcert=${files.ca}` : ''
    const { status, error } = await check(open(address(`localhost:${port}`, more)), 'sql.query', statusOf('x'))
    expect([status, error]).toEqual(['failed', expect.stringContaining('its TLS certificate is not trusted')])
    expect(error).toContain(expected)
  })

  test('of a known CA is accepted, and a server that requires TLS says so to a login without it', async () => {
    const { dir, remove } = await serverDir(user)
    cleanups.push(remove)
    const files = await makeCertificate(pathOf(ssl), dir, 'localhost')
    if (user) for (const file of Object.values(files)) await chown(file, user.uid, user.gid)
    const tls = { client_tls_sslmode: 'require', client_tls_key_file: files.key, client_tls_cert_file: files.cert }
    const { port } = await startBouncer(tls)
    await addRun(world, 'tls')
    const trusted = open(address(`localhost:${port}`, `&sslrootcert=${files.ca}`))
    expect(await check(trusted, 'sql.query', statusOf('tls'))).toMatchObject({ status: 'ok' })
    const plain = await check(open(readUrl(`localhost:${port}`)), 'sql.query', statusOf('tls'))
    expect(plain.error).toContain('add sslmode=verify-full to the address')
    const missing = await check(
      open(address(`localhost:${port}`, '&sslrootcert=/no/such.pem')),
      'sql.query',
      statusOf('x'),
    )
    expect(missing.error).toContain('a file of the address cannot be read')
  })
})

test('a client certificate that the server requires is that of the address; without one, the message names it', async () => {
  const { dir, remove } = await serverDir(user)
  cleanups.push(remove)
  const files = await makeCertificate(pathOf(ssl), dir, 'localhost')
  if (user) for (const file of Object.values(files)) await chown(file, user.uid, user.gid)
  const { port } = await startBouncer({
    client_tls_sslmode: 'verify-ca',
    client_tls_ca_file: files.ca,
    client_tls_key_file: files.key,
    client_tls_cert_file: files.cert,
  })
  await addRun(world, 'client-certificate')
  const address = `${readUrl(`localhost:${port}`)}?sslmode=verify-full&sslrootcert=${files.ca}`
  const known = await check(
    open(`${address}&sslcert=${files.cert}&sslkey=${files.key}`),
    'sql.query',
    statusOf('client-certificate'),
  )
  expect(known, known.error).toMatchObject({ status: 'ok', result: { rows: [{ status: 'RUNNING' }] } })
  const { status, error } = await check(open(address), 'sql.query', statusOf('client-certificate'))
  expect([status, error]).toEqual(['failed', expect.stringContaining('add sslcert and sslkey to the address')])
})

test('row-level security that hides rows from the write login is named, on the gate and in the refusal', async () => {
  await addRun(world, 'secured')
  await world.owner.query('ALTER TABLE runs ENABLE ROW LEVEL SECURITY')
  cleanups.push(() => world.owner.query('ALTER TABLE runs DISABLE ROW LEVEL SECURITY'))
  await world.owner.query(`CREATE POLICY reads ON runs FOR SELECT TO ${reader} USING (true)`)
  cleanups.push(() => world.owner.query('DROP POLICY reads ON runs'))
  const read = readUrl(new URL(world.writeUrl).host)
  const targets = open(read, world.writeUrl)
  const parameters = { connection: 'c', table: 'runs', set: { status: 'FAILED' }, where: { id: 'secured' }, rows: 1 }
  const expected = 'row-level security hides rows of public.runs from the write login'
  const gate = await previewAction('sql.update', parameters, { targets, signal: new AbortController().signal })
  expect([gate.count, gate.warning]).toEqual([1, expect.stringContaining(expected)])
  const effect = await apply(targets, { status: 'FAILED' }, { id: 'secured' })
  expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining(expected) })
  const [finding] = await doctorConnections({ connections: { c: postgresConnection(read, world.writeUrl) } })
  expect(finding).toMatchObject({ warning: true, detail: expect.stringContaining(expected) })

  const writer = new URL(world.writeUrl).username
  await world.owner.query(`CREATE POLICY writes ON runs TO ${writer} USING (true)`)
  cleanups.push(() => world.owner.query('DROP POLICY writes ON runs'))
  const allowed = await previewAction('sql.update', parameters, { targets, signal: new AbortController().signal })
  expect(allowed.warning).toBeUndefined()
  expect(await apply(targets, { status: 'FAILED' }, { id: 'secured' })).toMatchObject({ result: 'applied' })
})
