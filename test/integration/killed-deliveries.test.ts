import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { Secret } from '../../src/config/secret.ts'
import { deliverMessages } from '../../src/engine/messages/deliver.ts'
import { acceptIncident } from '../../src/history/accept.ts'
import { closeIncident } from '../../src/history/close.ts'
import { storePlan } from '../../src/history/plans.ts'
import { startChannelServer, type ChannelRequest, type ChannelServer } from '../support/channel-server.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

/** The numbers of kills and messages. For the whole test: `RUNBOOK_KILLS=50 RUNBOOK_MESSAGES=1000`. */
const KILLS = Number(process.env.RUNBOOK_KILLS ?? 4)
const MESSAGES = Number(process.env.RUNBOOK_MESSAGES ?? 80)
/** How long the channel takes to answer, at most. */
const MAX_ANSWER_MS = 60
/** How many messages a worker sends at the same time (SENT_AT_ONCE in src/engine/messages/deliver.ts). */
const SENT_AT_ONCE = 8
/** A worker that is killed later than this after the answer of the channel has stored the answer, also on a busy machine. */
const STORED_WITHIN_MS = 2_000
const SCRIPT = join(import.meta.dirname, '../support/deliver-process.js')

let world: HttpWorld
/** A superuser in another database than that of the engine. */
let admin: pg.Client
let server: ChannelServer

beforeAll(async () => {
  world = await openHttpWorld(inject('stack'))
  server = await startChannelServer()
  admin = new pg.Client(inject('stack').postgresUrl)
  await admin.connect()
})
beforeEach(() => {
  server.requests = []
})
afterAll(async () => {
  await world?.close()
  await server?.close()
  await admin?.end()
})

async function startWorker(): Promise<ChildProcess> {
  const worker = spawn(process.execPath, [SCRIPT, world.databaseUrl, server.url], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(worker.stdout!, 'data')
  return worker
}

async function kill(worker: ChildProcess): Promise<number> {
  const at = performance.now()
  worker.kill('SIGKILL')
  await once(worker, 'exit')
  return at
}

/** Incidents that failed: each has one message for the channel. */
async function failedIncidents(count: number, key = 'killed'): Promise<string[]> {
  const { plan, text, planDigest } = world.engine.catalogue.byName.get('test-runs')!
  const { database } = world.engine
  await storePlan(database, plan, text)
  const ids: string[] = []
  for (let i = 0; i < count; i += 1) {
    const request = { type: 'test-run', runbook: 'test-runs', planDigest, key: `${key}/${i}`, inputs: { run: `${i}` } }
    const { incident } = await acceptIncident(database, { ...request, requester: 'person:operator' })
    await closeIncident(database, { incident, outcome: 'failed', reason: 'a test' })
    ids.push(incident)
  }
  return ids
}

/** The requests for the message about each incident, in the order of their arrival. */
function arrivals(): Map<string, ChannelRequest[]> {
  const found = new Map<string, ChannelRequest[]>()
  for (const request of server.requests) {
    const id = /INC-\d+/.exec(request.body)![0]
    found.set(id, [...(found.get(id) ?? []), request])
  }
  return found
}

test(
  `a worker that is killed ${KILLS} times loses none of ${MESSAGES} messages, and repeats only those whose answer it did not get or was storing`,
  { timeout: 120_000 + KILLS * 5_000 + MESSAGES * 200 },
  async () => {
    server.answer = async () => {
      await sleep(Math.random() * MAX_ANSWER_MS)
      return { status: 200 }
    }
    const ids = await failedIncidents(MESSAGES)
    const kills: number[] = []
    for (let i = 0; i < KILLS; i += 1) {
      const before = server.requests.length
      const worker = await startWorker()
      await expect.poll(() => server.requests.length, { interval: 5, timeout: 40_000 }).toBeGreaterThan(before)
      await sleep(Math.random() * 2 * MAX_ANSWER_MS)
      kills.push(await kill(worker))
    }
    const last = await startWorker()
    const waiting = () =>
      world.engine.database.query(
        `SELECT FROM runbook.outbox WHERE ended_at IS NULL UNION ALL SELECT FROM runbook.outbox_events`,
      )
    await expect.poll(async () => (await waiting()).rowCount, { timeout: 100_000, interval: 500 }).toBe(0)
    await kill(last)
    const arrived = arrivals()
    expect([...arrived.keys()].toSorted()).toEqual(ids.toSorted())

    const repeated = [...arrived.values()].flatMap((requests) => requests.slice(0, -1))
    // Each message that was repeated was on its way when a worker was killed.
    const killOf = ({ at }: ChannelRequest) => kills.findIndex((killed) => killed > at)
    const perKill = kills.map((_, i) => repeated.filter((request) => killOf(request) === i).length)
    expect(Math.max(...perKill)).toBeLessThanOrEqual(SENT_AT_ONCE)
    expect(perKill.reduce((sum, count) => sum + count, 0)).toBe(repeated.length)
    // How long before the kill the channel had answered; the worker was still storing that.
    const storing = repeated.flatMap((request) => {
      const before = kills[killOf(request)]! - (request.answeredAt ?? Infinity)
      return before > 0 ? [before] : []
    })
    console.log(
      `${ids.length} messages delivered, ${kills.length} kills, ${repeated.length} messages repeated: ${repeated.length - storing.length} without an answer, ${storing.length} answered at most ${Math.max(0, ...storing).toFixed(0)} ms before the kill`,
    )
    expect(Math.max(0, ...storing)).toBeLessThanOrEqual(STORED_WITHIN_MS)

    const recorded = await world.engine.database.query<{ incident: string; count: number }>(
      `SELECT incident, count(*)::integer AS count FROM runbook.events WHERE body LIKE '%"kind":"delivery"%'
       AND incident = ANY ($1) GROUP BY incident`,
      [ids],
    )
    expect(recorded.rows.map(({ count }) => count)).toEqual(ids.map(() => 1))
  },
)

test('a message is not sent again because the database did not answer for a moment after the channel had accepted it', async () => {
  const [id] = await failedIncidents(1, 'outage')
  const database = decodeURIComponent(new URL(world.databaseUrl).pathname.slice(1))
  let restored: Promise<unknown> | undefined
  server.answer = async () => {
    await admin.query(`ALTER DATABASE "${database}" ALLOW_CONNECTIONS false`)
    await admin.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [database])
    restored = sleep(1_000).then(() => admin.query(`ALTER DATABASE "${database}" ALLOW_CONNECTIONS true`))
    return { status: 200 }
  }
  try {
    const url = new Secret(server.url, 'channel platform', server.url, [])
    const channels = { platform: { kind: 'slack' as const, url, events: ['failed' as const] } }
    await deliverMessages({ ...world.engine, config: { ...world.engine.config, channels } })
  } finally {
    await restored
  }
  expect(server.requests).toHaveLength(1)
  const stored = await world.engine.database.query<{ ended: boolean; problem: string | null }>(
    'SELECT ended_at IS NOT NULL AS ended, problem FROM runbook.outbox WHERE incident = $1',
    [id],
  )
  expect(stored.rows).toEqual([{ ended: true, problem: null }])
})
