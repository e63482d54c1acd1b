import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { acceptIncident } from '../../src/history/accept.ts'
import { closeIncident } from '../../src/history/close.ts'
import { storePlan } from '../../src/history/plans.ts'
import { startChannelServer, type ChannelServer } from '../support/channel-server.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

/** The numbers of kills and messages. For the whole test: `RUNBOOK_KILLS=50 RUNBOOK_MESSAGES=1000`. */
const KILLS = Number(process.env.RUNBOOK_KILLS ?? 4)
const MESSAGES = Number(process.env.RUNBOOK_MESSAGES ?? 80)
/**
 * The maximum time between sending a message and storing its end, within which a killed worker may have sent a message without recording
 * it.
 */
const ATTEMPT_MS = 1_500
const SCRIPT = join(import.meta.dirname, '../support/deliver-process.js')

let world: HttpWorld
let server: ChannelServer

beforeAll(async () => {
  world = await openHttpWorld(inject('stack'))
  server = await startChannelServer()
})
afterAll(async () => {
  await world?.close()
  await server?.close()
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
async function failedIncidents(count: number): Promise<string[]> {
  const { plan, text, planDigest } = world.engine.catalogue.byName.get('test-runs')!
  const { database } = world.engine
  await storePlan(database, plan, text)
  const ids: string[] = []
  for (let i = 0; i < count; i += 1) {
    const request = { type: 'test-run', runbook: 'test-runs', planDigest, key: `killed/${i}`, inputs: { run: `${i}` } }
    const { incident } = await acceptIncident(database, { ...request, requester: 'person:operator' })
    await closeIncident(database, { incident, outcome: 'failed', reason: 'a test' })
    ids.push(incident)
  }
  return ids
}

/** When the channel got the message about each incident. */
function arrivals(): Map<string, number[]> {
  const found = new Map<string, number[]>()
  for (const { body, at } of server.requests) {
    const id = /INC-\d+/.exec(body)![0]
    found.set(id, [...(found.get(id) ?? []), at])
  }
  return found
}

test(
  `a worker that is killed ${KILLS} times loses none of ${MESSAGES} messages, and repeats only those that it was sending`,
  { timeout: 120_000 + KILLS * 5_000 + MESSAGES * 200 },
  async () => {
    const ids = await failedIncidents(MESSAGES)
    const kills: number[] = []
    for (let i = 0; i < KILLS; i += 1) {
      const before = server.requests.length
      const worker = await startWorker()
      await expect.poll(() => server.requests.length, { interval: 5, timeout: 40_000 }).toBeGreaterThan(before)
      await sleep(Math.random() * 20)
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
    const repeated = [...arrived.values()].flatMap((times) => times.slice(0, -1))
    const unexplained = repeated.filter((at) => !kills.some((killed) => at <= killed + 500 && at > killed - ATTEMPT_MS))
    expect(unexplained).toEqual([])
    const recorded = await world.engine.database.query<{ incident: string; count: number }>(
      `SELECT incident, count(*)::integer AS count FROM runbook.events WHERE body LIKE '%"kind":"delivery"%'
       AND incident = ANY ($1) GROUP BY incident`,
      [ids],
    )
    expect(recorded.rows.map(({ count }) => count)).toEqual(ids.map(() => 1))
    console.log(`${ids.length} messages delivered, ${kills.length} kills, ${repeated.length} messages repeated`)
  },
)
