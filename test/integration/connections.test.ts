import { randomBytes } from 'node:crypto'
import { Queue, Worker } from 'bullmq'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import type { ConnectionView } from '../../src/engine/views/view-types.ts'
import { eventually, pool } from '../support/effects-world.ts'
import { signIn, type BrowserSession } from './browser-session.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

const HOSTILE = `<img src=x onerror=alert(1)>`
const id = randomBytes(4).toString('hex')
const prefix = `pages-${id}`

const CONNECTIONS = `  queue: { kind: bullmq, read: "\${QUEUE}", prefix: ${prefix}, queue: queue }
  missing: { kind: bullmq, read: "\${QUEUE}", prefix: ${prefix}, queue: nowhere }
  redis: { kind: redis, read: "\${QUEUE}" }
  plain: { kind: postgres, read: "\${PLAIN}", ledger: none }
  down: { kind: postgres, read: "\${DOWN}", ledger: none }
  web: { kind: http, url: "http://127.0.0.1:9" }
`

let world: HttpWorld
let operator: BrowserSession
let queue: Queue
let worker: Worker
let letGo = () => {}
const admin = pool(inject('stack').postgresUrl, 1)

beforeAll(async () => {
  const { postgresUrl, redisUrl } = inject('stack')
  await admin.query(`CREATE ROLE plain_${id} LOGIN PASSWORD 'plain'`)
  const plain = new URL(postgresUrl)
  ;[plain.username, plain.password] = [`plain_${id}`, 'plain']
  world = await openHttpWorld(inject('stack'), {
    env: { DB_READ: postgresUrl, QUEUE: redisUrl, PLAIN: plain.href, DOWN: 'postgres://x:secret@127.0.0.1:9/x' },
    connections: CONNECTIONS,
  })
  operator = await signIn(world, 'operator')
  await fillQueue(redisUrl)
})
afterAll(async () => {
  letGo()
  await worker?.close()
  await queue?.obliterate({ force: true })
  await queue?.close()
  await world?.close()
  await admin.query(`DROP ROLE plain_${id}`)
  await admin.end()
})

/** One completed job, one failed job, one job that a named worker holds, and two jobs that wait. */
async function fillQueue(url: string): Promise<void> {
  const connection = { url, maxRetriesPerRequest: null }
  queue = new Queue('queue', { prefix, connection })
  const held = new Promise<void>((resolve) => (letGo = resolve))
  const run = async ({ name }: { name: string }) => {
    if (name === 'fails') throw new Error(`Order 4711 is missing ${HOSTILE}`)
    if (name === 'held') await held
  }
  worker = new Worker('queue', run, { prefix, connection, name: 'worker-one' })
  for (const name of ['done', 'fails', 'held', 'waits', 'waits']) await queue.add(name, {})
  await eventually('one job is active and two wait', async () => {
    const { active, waiting, failed } = await queue.getJobCounts()
    return active === 1 && waiting === 2 && failed === 1
  })
}

const read = async (name: string): Promise<ConnectionView> => (await world.call('GET', `/v1/connections/${name}`)).json
const pageOf = async (name: string) => (await operator.get(`/connections/${name}`)).text
const sectionOf = (text: string, title: string) => text.split('<h2>').find((part) => part.startsWith(title))!

describe('a queue', () => {
  test('is read with its states, workers and what they hold, times and failures', async () => {
    const { reads, kind } = await read('queue')
    expect(kind).toBe('bullmq')
    expect(reads.queue).toMatchObject({ status: 'ok', result: { active: 1, waiting: 2, failed: 1, completed: 1 } })
    expect(reads.active?.result?.rows).toMatchObject([{ name: 'held', worker: 'worker-one', lock: 'held' }])
    expect(reads.failures?.result).toMatchObject({ total: 1, rows: [{ count: 1, names: ['fails'] }] })
    expect(reads.server?.result).toMatchObject({ role: 'master' })
  })

  test('is shown on its page as text', async () => {
    const text = await pageOf('queue')
    expect(sectionOf(text, 'Queue')).toMatch(/waiting<\/th><td>2<.*active<\/th><td>1<.*worker-one/s)
    expect(sectionOf(text, 'Workers')).toMatch(/held<\/bdi><\/td><td><bdi>worker-one/)
    expect(sectionOf(text, 'Waits and runs')).toMatch(/to its last start<\/th><td>1<.*to its end<\/th><td>1</s)
    expect(sectionOf(text, 'Failures')).toMatch(/1 failed job of the last 24 hours is stored.*onerror/s)
    expect(text).not.toContain('<img')
    expect(text.length).toBeLessThan(100_000)
  })

  test('that does not exist has no counts', async () => {
    const text = await pageOf('missing')
    expect(sectionOf(text, 'Queue')).toContain('The queue does not exist.')
    expect(sectionOf(text, 'Queue')).not.toContain('<table')
    expect(sectionOf(text, 'Failures')).toContain('This could not be read')
  })
})

describe('a database', () => {
  test('is read with its sessions, transactions and the sessions that block others', async () => {
    const name = `blocker-${id}`
    const [blocker, blocked] = [1, 2].map(() => new pg.Client({ connectionString: inject('stack').postgresUrl }))
    await Promise.all([blocker!.connect(), blocked!.connect()])
    await blocker!.query(`SET application_name = '${name}'`)
    await blocker!.query(`BEGIN; SELECT pg_advisory_xact_lock(hashtext('${name}'))`)
    const waits = blocked!.query(`SELECT pg_advisory_lock(hashtext('${name}'))`)
    await eventually('the other session waits', async () => {
      const { rows } = await admin.query(
        `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE $1`,
        [`%${name}%`],
      )
      return rows.length === 1
    })
    const { reads } = await read('db')
    await blocker!.query('COMMIT')
    await waits
    await Promise.all([blocker!.end(), blocked!.end()])
    const ofBlocker = expect.objectContaining({ application: name, state: 'idle in transaction' })
    expect(reads.blockers).toMatchObject({ status: 'ok', result: { rows: expect.arrayContaining([ofBlocker]) } })
    expect(reads.transactions?.result?.rows).toEqual(expect.arrayContaining([ofBlocker]))
    expect(reads.sessions?.result?.rows).toEqual(
      expect.arrayContaining([expect.objectContaining({ state: 'idle in transaction' })]),
    )
    expect(reads.server?.result?.rows).toMatchObject([{ sees_all: true, is_replica: false }])
    // The statements of sessions can contain personal data.
    expect(JSON.stringify(reads)).not.toContain('hashtext')
  })

  test('whose login may not see other users says so, and shows their sessions as not visible', async () => {
    const text = await pageOf('plain')
    expect(sectionOf(text, 'Server')).toContain('is not a member of pg_monitor')
    expect(sectionOf(text, 'Sessions')).toMatch(/not visible<\/bdi><\/th><td>\d+<\/td><td>not known</)
  })

  test('that does not answer is not shown as empty, and its password stays secret', async () => {
    const text = await pageOf('down')
    for (const title of ['Sessions', 'Transactions', 'Blockers', 'Server']) {
      expect(sectionOf(text, title)).toContain('This could not be read')
      expect(sectionOf(text, title)).not.toContain('<table')
    }
    expect(text).not.toContain('secret')
    expect((await read('down')).reads.sessions).toMatchObject({ status: 'failed', result: null })
  })
})

test('ten readers cost one read', async () => {
  const targets = vi.spyOn(world.engine.targets, 'redis')
  await Promise.all([
    ...Array.from({ length: 5 }, () => read('redis')),
    ...Array.from({ length: 5 }, () => pageOf('redis')),
  ])
  expect(targets).toHaveBeenCalledTimes(1)
  targets.mockRestore()
})

test('the list has all connections and reads none of them', async () => {
  const targets = vi.spyOn(world.engine.targets, 'postgres')
  const { connections } = (await world.call('GET', '/v1/connections')).json
  expect(connections.map(({ name }: { name: string }) => name)).toEqual([
    'db',
    'queue',
    'missing',
    'redis',
    'plain',
    'down',
    'web',
  ])
  const { text } = await operator.get('/connections')
  expect(text).toContain('href="/connections/queue"')
  expect(targets).not.toHaveBeenCalled()
  targets.mockRestore()
})

test('a connection of which nothing is read says so, and an unknown one is not found', async () => {
  expect(await pageOf('web')).toContain('reads nothing from a connection of kind http')
  expect((await operator.get('/connections/unknown')).status).toBe(404)
  expect((await world.call('GET', '/v1/connections/unknown')).status).toBe(404)
})
