import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { cancelIncident } from '../../src/engine/incident-actions.ts'
import { incidentWorkflow } from '../../src/engine/incident-workflow.ts'
import { reconcile } from '../../src/engine/reconcile.ts'
import { showIncident } from '../../src/engine/views/show.ts'
import { readEvents } from '../../src/history/incidents.ts'
import type { Database } from '../../src/history/database.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { openWorkflowWorld, thingsCheck, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'
import { expression } from '../unit/interpreter/plan-fixture.ts'

/** Temporal's default limit of signals for each run of a workflow. */
const SIGNAL_LIMIT = 10_000

/** A plan whose only cause never holds, so that the checks run again after a pause, which every signal ends. */
const looking = thingsPlan('looking', {
  checks: [thingsCheck('bad', `SELECT id, n FROM things, pg_sleep(0.3) WHERE grp = $1 AND state = 'bad' ORDER BY id`)],
  causes: [{ ...thingsPlan('looking').causes[0]!, affects: expression('bad.rows.filter(r, r.n > 2)', ['bad']) }],
  rounds: { ineffective: 3, total: 10, again: { times: 200, everyMs: 60_000 } },
})

let world: WorkflowWorld
let worker: { stop(): Promise<void> }
beforeAll(async () => {
  installRuntime('ERROR')
  world = await openWorkflowWorld(inject('stack'), [thingsPlan('things'), looking])
  worker = await world.startWorker()
})
afterAll(() => world?.close())

const text = (value: string) => new TextEncoder().encode(value)
const json = (value: string) => ({ metadata: { encoding: text('json/plain') }, data: text(value) })

/** Sends a signal directly to Temporal, as anybody can who reaches Temporal's port. */
async function sendSignal(incident: string, signalName: string, payload: object | undefined): Promise<void> {
  const { workflowId } = await incidentWorkflow(world.engine, incident)
  const { connection, namespace } = world.engine.temporal
  await connection.workflowService.signalWorkflowExecution({
    namespace,
    workflowExecution: { workflowId },
    signalName,
    input: payload === undefined ? null : { payloads: [payload] },
  })
}

async function sendMany(count: number, send: () => Promise<unknown>): Promise<void> {
  let left = count
  const sender = async () => {
    while ((left -= 1) >= 0) await send()
  }
  await Promise.all(Array.from({ length: 50 }, sender))
}

describe('a signal whose payload is no token does no harm', () => {
  test.each<[string, object]>([
    ['a number', json('42')],
    ['null', json('null')],
    ['an object', json('{"token":"x"}')],
    ['an array', json('["x"]')],
    ['a very long string', json(JSON.stringify('x'.repeat(1_500_000)))],
    ['an unknown encoding', { metadata: { encoding: text('binary/encrypted') }, data: new Uint8Array([1, 2, 255]) }],
    ['no encoding', { data: text('x') }],
    ['broken JSON', json('{"token":')],
    [
      'JSON that is not UTF-8',
      { metadata: { encoding: text('json/plain') }, data: new Uint8Array([34, 255, 254, 34]) },
    ],
  ])('%s', async (what, payload) => {
    const group = what.replaceAll(' ', '-')
    await world.addThings(group, group)
    const incident = await world.open('things', group)
    const view = await world.atGate(incident)
    await sendSignal(incident, 'decision', payload)
    await sendSignal(incident, 'wake', payload)
    await sendSignal(incident, 'unknown', payload)
    await world.decide(view)
    expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
  })
})

test('300 forged tokens become 24 events, the last of which say how many there were', async () => {
  await world.addThings('forged', 'forged')
  const incident = await world.open('things', 'forged')
  const view = await world.atGate(incident)
  let sent = 0
  await sendMany(300, () => sendSignal(incident, 'decision', json(JSON.stringify(`forged ${(sent += 1)}`))))
  const denied = async () =>
    (await readEvents(world.engine.database, incident)).filter((event) => event.kind === 'denied')
  await expect.poll(async () => (await denied()).at(-1)?.data.refused, { timeout: 20_000 }).toBe(256)
  expect(await denied()).toHaveLength(24)
  await world.decide(view)
  expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
  expect((await denied()).slice(-4).map(({ data }) => data.refused)).toEqual([32, 64, 128, 256])
})

test('many large tokens that nobody signed do not keep a decision from taking effect', async () => {
  await world.addThings('large', 'large')
  const incident = await world.open('things', 'large')
  const view = await world.atGate(incident)
  await worker.stop()
  await sendMany(60, () => sendSignal(incident, 'decision', json(JSON.stringify('x'.repeat(60_000)))))
  worker = await world.startWorker()
  await world.decide(view)
  expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
})

test('a workflow that ignores signals after a flood of them is woken by the reconciler', async () => {
  await world.addThings('many', 'many')
  const incident = await world.open('things', 'many')
  const view = await world.atGate(incident)
  await sendMany(600, () => sendSignal(incident, 'wake', undefined))
  await world.decide(view)
  await world.history.superuser.query(
    `UPDATE runbook.gates SET decided_at = decided_at - interval '11 seconds' WHERE incident = $1`,
    [incident],
  )
  expect((await reconcile(world.engine)).signalled).toContain(incident)
  const wokenAt = Date.now()
  expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
  expect(Date.now() - wokenAt).toBeLessThan(10_000)
})

/** The database of the engine, except that while a gate is open nobody gets a connection before `release` is called. */
function heldAtGate() {
  let release = () => {}
  const held = new Promise<void>((resolve) => (release = resolve))
  const { database } = world.engine
  const connect = async () => {
    const open = await world.history.superuser.query(`SELECT FROM runbook.gates WHERE state = 'open'`)
    if (open.rowCount! > 0) await held
    return database.connect()
  }
  const slow = new Proxy(database, {
    get: (target, name) => {
      const value: unknown = name === 'connect' ? connect : Reflect.get(target, name)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
  return { database: slow as Database, release }
}

/** Wakes the incident every second, because after a flood a signal no longer does. Returns its outcome. */
async function outcomeAfterWaking(incident: string): Promise<string | null> {
  const workflow = await incidentWorkflow(world.engine, incident)
  const outcomeNow = async () => {
    await workflow.executeUpdate('wake').catch(() => {})
    return (await showIncident(world.engine.database, incident)).outcome
  }
  await expect.poll(outcomeNow, { timeout: 40_000, interval: 1_000 }).not.toBeNull()
  return outcomeNow()
}

test('a flood of signals while the gate is read for the first time does not keep a decision from taking effect', async () => {
  await world.addThings('early', 'early')
  await worker.stop()
  const { database, release } = heldAtGate()
  worker = await world.startWorker({ database })
  const incident = await world.open('things', 'early')
  const view = await world.atGate(incident)
  await sendMany(1_000, () => sendSignal(incident, 'wake', undefined))
  release()
  await world.decide(view)
  expect(await outcomeAfterWaking(incident)).toBe('resolved')
  await worker.stop()
  worker = await world.startWorker()
}, 120_000)

test('a flood of signals while an incident looks again does not keep it from ending', async () => {
  await world.addThings('looking', 'looking')
  const incident = await world.open('looking', 'looking')
  const looksAgain = async () =>
    (await readEvents(world.engine.database, incident)).some(({ kind }) => kind === 'again')
  await expect.poll(looksAgain, { timeout: 20_000 }).toBe(true)
  await sendMany(1_500, () => sendSignal(incident, 'wake', undefined))
  await cancelIncident(world.engine, world.engine.people.lead!, incident)
  expect(await outcomeAfterWaking(incident)).toBe('cancelled')
}, 120_000)

test('where Temporal accepts no more signals, a decision is carried in at once in another way', async () => {
  await world.addThings('flooded', 'flooded')
  const incident = await world.open('things', 'flooded')
  const view = await world.atGate(incident)
  await worker.stop()
  await sendMany(SIGNAL_LIMIT, () => sendSignal(incident, 'wake', undefined))
  await expect(sendSignal(incident, 'wake', undefined)).rejects.toThrow('signal')
  worker = await world.startWorker()
  await world.decide(view)
  const decidedAt = Date.now()
  expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
  expect(Date.now() - decidedAt).toBeLessThan(40_000)
}, 120_000)

test('after many updates the gate is read every minute, because Temporal accepts no more at some time', async () => {
  await world.addThings('updated', 'updated')
  const incident = await world.open('things', 'updated')
  const view = await world.atGate(incident)
  const workflow = await incidentWorkflow(world.engine, incident)
  const waitsAtMost = async () => {
    const { events } = await workflow.fetchHistory()
    const timer = events?.findLast(({ timerStartedEventAttributes }) => timerStartedEventAttributes)
    return Number(timer?.timerStartedEventAttributes?.startToFireTimeout?.seconds)
  }
  await expect.poll(waitsAtMost, { timeout: 20_000 }).toBeGreaterThan(60)
  let left = 100
  const sender = async () => {
    while ((left -= 1) >= 0) await workflow.executeUpdate('wake')
  }
  await Promise.all(Array.from({ length: 5 }, sender))
  await expect.poll(waitsAtMost, { timeout: 20_000 }).toBeLessThanOrEqual(60)
  await world.decide(view)
  expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
}, 60_000)

test('an incident whose workflow Temporal ended because of its size is failed, and says so', async () => {
  await world.addThings('huge', 'huge')
  const incident = await world.open('things', 'huge')
  await world.atGate(incident)
  const large = json(JSON.stringify('x'.repeat(1_900_000)))
  const workflow = await incidentWorkflow(world.engine, incident)
  await sendMany(40, () => sendSignal(incident, 'decision', large).catch(() => {}))
  expect((await workflow.describe()).status.name).toBe('TERMINATED')
  await world.history.superuser.query(
    `UPDATE runbook.incidents SET started_at = started_at - interval '1 hour', looked_at = NULL WHERE id = $1`,
    [incident],
  )
  expect((await reconcile(world.engine)).closed).toContain(incident)
  const closed = await world.closed(incident)
  expect(closed).toMatchObject({ outcome: 'failed', reason: expect.stringContaining('its workflow was terminated: ') })
}, 60_000)
