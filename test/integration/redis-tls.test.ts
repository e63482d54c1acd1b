import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { resolveSecret } from '../../src/config/secret.ts'
import { doctorConnections } from '../../src/engine/setup/doctor-connections.ts'
import { prepareConnection } from '../../src/engine/setup/prepare-connection.ts'
import { freePort } from '../../src/stack/ports.ts'
import { connectServer } from '../../src/targets/open-redis.ts'
import { nodeAddress, parseRedisAddress } from '../../src/targets/redis-address.ts'
import { makeCertificate, type Certificate } from '../support/certificates.ts'
import { bullmqConnection, check, openTestTargets } from '../support/connections.ts'
import { eventually } from '../support/effects-world.ts'
import { startRedisServer } from '../support/redis-server.ts'
import { openssl, pathOf, redis7, skipWithout } from '../support/server-programs.ts'
import { serverDir } from '../support/spawned-server.ts'

const [program, ssl] = [await redis7(), await openssl()]
let folder: Awaited<ReturnType<typeof serverDir>>
let good: Certificate
const cleanups: (() => unknown)[] = []

beforeAll(async () => {
  folder = await serverDir()
  if ('path' in ssl) good = await makeCertificate(ssl.path, folder.dir, 'localhost')
})
afterAll(() => folder?.remove())
beforeEach((context) => skipWithout(context, program, ssl))
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

/** The port with TLS of a new server. */
async function start(files: Certificate, settings: Record<string, string> = {}): Promise<number> {
  return (await startBoth(files, settings)).tlsPort
}

/** A new server with two ports: the one of `admin` without TLS, and `tlsPort`. */
async function startBoth(files: Certificate, settings: Record<string, string> = {}, sentinel = false) {
  const tlsPort = await freePort([])
  const tls = {
    'tls-port': String(tlsPort),
    'tls-cert-file': files.cert,
    'tls-key-file': files.key,
    'tls-ca-cert-file': files.ca,
    'tls-auth-clients': 'no',
  }
  const server = await startRedisServer(pathOf(program), { ...tls, ...settings }, { sentinel })
  cleanups.push(() => server.stop())
  return { admin: server.admin, tlsPort }
}

async function ask(url: string) {
  const targets = openTestTargets({ c: bullmqConnection(url) })
  cleanups.push(() => targets.close())
  return check(targets, 'bullmq.queue')
}

const trusting = ({ ca }: Certificate) => `?sslrootcert=${ca}`
const asClient = ({ cert, key }: Certificate) => `&sslcert=${cert}&sslkey=${key}`

describe('the certificate of the server', () => {
  test('of a CA that the address names is accepted by checks, doctor and connection prepare', async () => {
    const address = `rediss://localhost:${await start(good)}${trusting(good)}`
    expect(await ask(address)).toMatchObject({ status: 'ok', result: { exists: false } })
    const [finding] = await doctorConnections({ connections: { c: bullmqConnection(address) } })
    expect(finding).toMatchObject({ ok: true, detail: expect.stringContaining('answers; queue bull:queue') })
    const secret = (name: string) => resolveSecret(`\${${name}}`, 'test', {})
    const wanted = { ...bullmqConnection(address), read: secret('READ'), write: secret('WRITE') }
    const { env } = await prepareConnection({ connections: { c: wanted } }, 'c', { adminUrl: address })
    expect(await ask(env.READ!)).toMatchObject({ status: 'ok' })
  })

  test.each([
    ['of an unknown CA', 'localhost', 2, false, 'Set NODE_EXTRA_CA_CERTS or sslrootcert'],
    ['that has expired', 'localhost', -1, true, 'Renew the certificate of the server'],
    ['of another host', 'redis.example.com', 2, true, 'Use a host name of the certificate'],
  ])('%s: the message says what to do', async (_, name, days, isKnown, expected) => {
    const files = await makeCertificate(pathOf(ssl), folder.dir, name, days)
    const port = await start(files)
    const { status, error } = await ask(`rediss://localhost:${port}${isKnown ? trusting(files) : ''}`)
    expect([status, error]).toEqual(['failed', expect.stringContaining('its TLS certificate is not trusted')])
    expect(error).toContain(expected)
  })
})

describe('a server that requires a client certificate', () => {
  test('accepts that of the address', async () => {
    const port = await start(good, { 'tls-auth-clients': 'yes' })
    expect(await ask(`rediss://localhost:${port}${trusting(good)}${asClient(good)}`)).toMatchObject({ status: 'ok' })
  })

  test.each([['TLSv1.2'], ['TLSv1.3']])('says so to a login without one (%s)', async (version) => {
    const port = await start(good, { 'tls-auth-clients': 'yes', 'tls-protocols': version })
    const { status, error } = await ask(`rediss://localhost:${port}${trusting(good)}`)
    expect([status, error]).toEqual(['failed', expect.stringContaining('add sslcert and sslkey to the address')])
  })

  test('says so to a login with one of another CA', async () => {
    const other = await makeCertificate(pathOf(ssl), folder.dir, 'client')
    const port = await start(good, { 'tls-auth-clients': 'yes' })
    const { status, error } = await ask(`rediss://localhost:${port}${trusting(good)}${asClient(other)}`)
    expect([status, error]).toEqual(['failed', expect.stringContaining('does not accept the client certificate')])
  })
})

test.each([
  ['that is absent', () => '?sslrootcert=/no/such.pem', 'a file of the address cannot be read: ENOENT'],
  ['that is a folder', () => `?sslrootcert=${folder.dir}`, 'a file of the address cannot be read: EISDIR'],
  [
    'that holds no certificate',
    () => `${trusting(good)}&sslcert=${join(folder.dir, 'notes.txt')}&sslkey=${good.key}`,
    'a file of the address is not a certificate or key',
  ],
  [
    'that is the key of another certificate',
    () => `${trusting(good)}&sslcert=${good.ca}&sslkey=${good.key}`,
    'a file of the address is not a certificate or key',
  ],
])('a file %s: the message says so', async (_, files, expected) => {
  await writeFile(join(folder.dir, 'notes.txt'), 'hello')
  const { status, error } = await ask(`rediss://localhost:${await start(good)}${files()}`)
  expect([status, error]).toEqual(['failed', expect.stringContaining(expected)])
})

test('an address without TLS of a port that requires it: the message names rediss://', async () => {
  for (const auth of ['no', 'yes']) {
    const { status, error } = await ask(`redis://localhost:${await start(good, { 'tls-auth-clients': auth })}`)
    expect([status, error]).toEqual(['failed', expect.stringContaining('requires TLS: write rediss://')])
  }
})

test('an address with TLS of a port without it: the message names redis://', async () => {
  for (const password of [undefined, 'right-password']) {
    const login = password === undefined ? {} : { password }
    const settings: Record<string, string> = password === undefined ? {} : { requirepass: password }
    const server = await startRedisServer(pathOf(program), settings, login)
    cleanups.push(() => server.stop())
    const { status, error } = await ask(`rediss://${server.address}`)
    expect([status, error]).toEqual(['failed', expect.stringContaining('answers without TLS')])
  }
})

test('an address by IP is checked against the IP addresses of the certificate', async () => {
  const files = await makeCertificate(pathOf(ssl), folder.dir, '127.0.0.1')
  expect(await ask(`rediss://127.0.0.1:${await start(files)}${trusting(files)}`)).toMatchObject({ status: 'ok' })
  const { error } = await ask(`rediss://127.0.0.1:${await start(good)}${trusting(good)}`)
  expect(error).toContain('Use a host name of the certificate')
})

// Servers name each other by IP address. Certificates have the host name or that address.
describe.each(['localhost', '127.0.0.1'])('with certificates for %s', (name) => {
  const files = () => makeCertificate(pathOf(ssl), folder.dir, name)

  test('a Redis Cluster is read on the node that has the queue', async () => {
    const certificate = await files()
    const settings = { 'cluster-enabled': 'yes', 'tls-cluster': 'yes', 'tls-replication': 'yes' }
    const nodes = await Promise.all([0, 1].map(() => startBoth(certificate, settings)))
    for (const [i, { admin }] of nodes.entries())
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', i * 8_192, i * 8_192 + 8_191)
    await nodes[0]!.admin.call('CLUSTER', 'MEET', '127.0.0.1', nodes[1]!.tlsPort)
    await eventually('the cluster is complete', async () =>
      /cluster_state:ok[^]*cluster_known_nodes:2/.test(String(await nodes[0]!.admin.call('CLUSTER', 'INFO'))),
    )
    const addresses = new Set<string>()
    for (const { tlsPort } of nodes) {
      const url = `rediss://${name}:${tlsPort}${trusting(certificate)}`
      const targets = openTestTargets({ c: bullmqConnection(url, { prefix: '{maestro}' }) })
      cleanups.push(() => targets.close())
      expect(await check(targets, 'bullmq.queue')).toMatchObject({ status: 'ok', result: { exists: false } })
      addresses.add((await targets.bullmq('c', 'read')).address.split(':').at(-1)!)
    }
    expect(addresses.size).toBe(1)
  })

  test('the primary that a sentinel names is read', async () => {
    const certificate = await files()
    const primary = await startBoth(certificate, { 'tls-replication': 'yes' })
    const sentinel = await startBoth(certificate, { 'tls-replication': 'yes' }, true)
    await sentinel.admin.call('SENTINEL', 'MONITOR', 'main', '127.0.0.1', primary.tlsPort, '1')
    const addresses = [`${name}:${sentinel.tlsPort}`]
    const url = `rediss://${name}:1${trusting(certificate)}`
    const targets = openTestTargets({ c: bullmqConnection(url, { sentinel: { name: 'main', addresses } }) })
    cleanups.push(() => targets.close())
    const evidence = await check(targets, 'bullmq.queue')
    expect(evidence, evidence.error).toMatchObject({ status: 'ok', result: { exists: false } })
  })
})

test('the certificate of a server that is named by its IP address must have that address or the configured name', async () => {
  const other = await makeCertificate(pathOf(ssl), folder.dir, 'redis.example.com')
  const seed = parseRedisAddress('c', 'read', `rediss://localhost:1${trusting(other)}`)
  const named = nodeAddress(seed, { host: '127.0.0.1', port: await start(other) })
  await expect(connectServer('c', 'read', named)).rejects.toThrow('its TLS certificate is not trusted')
})
