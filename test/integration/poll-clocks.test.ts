import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest'
import { poll, type PollTimes } from '../../activities/poll.ts'
import { activityDependencies } from '../../src/engine/run-worker.ts'
import { readNow } from '../../src/history/database.ts'
import type { PollRequest } from '../../src/interpreter/host.ts'
import { openWorkflowWorld, thingsCheck, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'
import { expression } from '../unit/interpreter/plan-fixture.ts'

const HOUR_MS = 3_600_000

let world: WorkflowWorld
let incident: string

beforeAll(async () => {
  world = await openWorkflowWorld(inject('stack'), [thingsPlan('things')])
})
beforeEach(async () => {
  await world.things.query('DELETE FROM things')
  incident = await world.open('things', `${Math.random()}`)
})
afterEach(() => void vi.restoreAllMocks())
afterAll(() => world?.close())

const request = (change: Partial<PollRequest>): PollRequest => ({
  place: 'r1/verify',
  checks: [thingsCheck('bad', `SELECT id, n FROM things WHERE grp IS DISTINCT FROM $1 AND state = 'bad'`)],
  scope: { inputs: { group: 'none' } },
  types: { inputs: { object: { group: 'string' } } },
  until: expression('size(bad.rows) == 0', ['bad']),
  holdsMs: 0,
  everyMs: 50,
  withinMs: 5_000,
  ...change,
})
const polled = (change: Partial<PollRequest>, times: PollTimes = { waitedMs: 0 }, onSleep = async () => {}) =>
  poll(activityDependencies(world.engine), incident, request(change), {
    times,
    sleep: async (ms) => {
      await onSleep()
      await sleep(ms)
    },
  })

/** From now on, the clock of this machine is ahead. */
function setClockAhead(ms: number): void {
  const { now } = Date
  vi.spyOn(Date, 'now').mockImplementation(() => now() + ms)
}

test('a poll that another machine began goes on, although the clock of this machine is an hour ahead', async () => {
  await world.addThings('a', 'a1')
  const times = { startedAt: (await readNow(world.engine.database)).getTime(), waitedMs: 0 }
  setClockAhead(HOUR_MS)
  const repair = async () => void (await world.things.query(`UPDATE things SET state = 'good'`))
  expect(await polled({}, times, repair)).toMatchObject({ held: true })
})

test('a condition has to hold for its time, although the clock of the machine is set forward meanwhile', async () => {
  const started = performance.now()
  const answer = await polled({ holdsMs: 1_000 }, { waitedMs: 0 }, async () => setClockAhead(HOUR_MS))
  expect(answer).toMatchObject({ held: true })
  expect(performance.now() - started).toBeGreaterThanOrEqual(1_000)
  expect(answer.tookMs).toBeLessThan(60_000)
})

test('the time before a restart of the worker counts', async () => {
  await world.addThings('b', 'b1')
  const times = { startedAt: (await readNow(world.engine.database)).getTime() - 6_000, waitedMs: 0 }
  expect(await polled({}, times)).toMatchObject({ held: false, detail: 'not true within 5s (1 sample)' })
})
