import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { Plan } from '../../src/core/plan.ts'
import { receiveAlerts } from '../../src/engine/alerts/receive-alerts.ts'
import { detect } from '../../src/engine/detection/detect.ts'
import { detectorsKeeper } from '../../src/engine/detection/keep-detectors.ts'
import { flushSamples } from '../../src/engine/detection/samples.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { reconcile } from '../../src/engine/reconcile.ts'
import { trigger } from '../../src/engine/trigger.ts'
import { pauseOf, switchControl } from '../../src/gate/controls.ts'
import { voidGate } from '../../src/gate/void-gate.ts'
import { closeIncident } from '../../src/history/close.ts'
import { wantSample } from '../../src/history/detection.ts'
import { engineId } from '../../src/history/engine-id.ts'
import { readIncident } from '../../src/history/incidents.ts'
import { DETECT, detectionId, diagnoseQueue } from '../../src/temporal/names.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { eventually } from '../support/effects-world.ts'
import { openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

/** A runbook that is sampled for the group of things with its own name. */
const watched = (name: string, change: Partial<NonNullable<Plan['detect']>> = {}): Plan =>
  thingsPlan(name, {
    inputs: { group: { type: 'string', optional: true, default: name } },
    detect: { everyMs: 2, for: 2, againMs: 3_600_000, ...change },
  })

const NAMES = ['counted', 'unread', 'taken-up', 'repeats', 'gone', 'gates', 'own-gates', 'paused'] as const

let world: WorkflowWorld
let engine: Engine

beforeAll(async () => {
  installRuntime('ERROR')
  world = await openWorkflowWorld(inject('stack'), [
    ...NAMES.map((name) => watched(name)),
    thingsPlan('alerted', { inputs: { group: { type: 'string', optional: true, default: 'alerted' } } }),
    watched('slowly', { everyMs: 600_000 }),
    watched('shadowed', { shadow: true }),
    watched('scheduled', { everyMs: 1_000 }),
  ])
  engine = world.engine
})
afterAll(() => world?.close())

let count = 0
const makeBad = async (group: string) => world.addThings(group, `t${(count += 1)}`)
const mend = (group: string) => world.things.query(`UPDATE things SET state = 'good' WHERE grp = $1`, [group])

/** Waits until another sample counts, then takes it. */
async function sample(runbook: string) {
  await new Promise((resolve) => setTimeout(resolve, 3))
  return detect(engine, { runbook, limitMs: 10_000 })
}

const incidents = async (type: string) =>
  (
    await engine.database.query<{ id: string; requester: string; occurrences: number; closed: boolean }>(
      `SELECT id, requester, occurrences, closed_at IS NOT NULL AS closed FROM runbook.incidents WHERE type = $1 ORDER BY number`,
      [type],
    )
  ).rows

const episodes = async (runbook: string) =>
  (
    await engine.database.query<{ state: string; incident: string | null; ended: boolean; samples: number }>(
      `SELECT state, incident, ended_at IS NOT NULL AS ended, samples FROM runbook.episodes WHERE runbook = $1 ORDER BY id`,
      [runbook],
    )
  ).rows

describe('detection opens an incident', () => {
  test('after enough samples one after the other; a sample without the symptom starts the count again', async () => {
    expect(await sample('counted')).toEqual({ symptom: false, did: 'symptom not present' })
    await makeBad('counted')
    expect(await sample('counted')).toEqual({ symptom: true, did: 'sample 1 of 2 that showed the symptom' })
    await mend('counted')
    await sample('counted')
    expect(await episodes('counted')).toEqual([])
    await makeBad('counted')
    await sample('counted')
    expect(await incidents('counted')).toEqual([])

    const { did } = await sample('counted')
    const [opened] = await incidents('counted')
    expect(opened).toMatchObject({ requester: 'detect:counted', occurrences: 1 })
    expect(did).toBe(`opened ${opened!.id}`)
    expect(await sample('counted')).toEqual({ symptom: true, did: `${opened!.id} is open` })
    expect(await incidents('counted')).toEqual([opened])
    expect(await episodes('counted')).toEqual([{ state: 'opened', incident: opened!.id, ended: false, samples: 3 }])
  })

  test('not for two samples within half an interval: a sample that is repeated after a crash counts once', async () => {
    await makeBad('slowly')
    await sample('slowly')
    expect(await sample('slowly')).toEqual({ symptom: true, did: 'sample 1 of 2 that showed the symptom' })
    expect(await incidents('slowly')).toEqual([])
  })

  test('also when samples that could not be read lie between: they neither count nor start the count again', async () => {
    await makeBad('unread')
    await sample('unread')
    await world.things.query('ALTER TABLE things RENAME TO hidden')
    try {
      const { symptom, did } = await sample('unread')
      expect(symptom).toBe('unreadable')
      expect(did).toMatch(/^the symptom could not be read: bad: .*things/)
    } finally {
      await world.things.query('ALTER TABLE hidden RENAME TO things')
    }
    expect(await incidents('unread')).toEqual([])
    expect((await sample('unread')).did).toMatch(/^opened INC-/)
  })

  test('unless one of the same key is open: then it joins', async () => {
    const { incident } = await trigger(engine, { type: 'taken-up', inputs: {}, requester: 'person:operator' })
    await makeBad('taken-up')
    await sample('taken-up')
    expect((await sample('taken-up')).did).toBe(`joined ${incident}`)
    expect(await incidents('taken-up')).toMatchObject([{ id: incident, occurrences: 2 }])
    expect(await episodes('taken-up')).toMatchObject([{ state: 'joined', incident }])
  })

  test('never with "shadow": what it would have opened is recorded', async () => {
    await makeBad('shadowed')
    await sample('shadowed')
    expect((await sample('shadowed')).did).toBe('would have opened an incident, but "shadow" is on')
    await mend('shadowed')
    await sample('shadowed')
    expect(await incidents('shadowed')).toEqual([])
    expect(await episodes('shadowed')).toEqual([{ state: 'shadow', incident: null, ended: true, samples: 2 }])
  })

  test('never while it is paused', async () => {
    await makeBad('paused')
    const turn = { control: pauseOf('paused'), person: 'operator', reason: 'a migration runs' }
    await switchControl(engine.database, { ...turn, on: true })
    expect(await sample('paused')).toEqual({ symptom: 'not sampled', did: 'detection of paused is paused' })
    await switchControl(engine.database, { ...turn, on: false })
    expect((await sample('paused')).symptom).toBe(true)
  })
})

describe('after its incident has closed', () => {
  test('with the symptom present, samples are counted on it until one does not show the symptom', async () => {
    await makeBad('repeats')
    await sample('repeats')
    await sample('repeats')
    const [first] = await incidents('repeats')
    await closeIncident(engine.database, { incident: first!.id, outcome: 'declined', reason: 'by the test' })
    expect((await sample('repeats')).did).toBe(`counted on ${first!.id}: its key is quiet`)
    expect(await incidents('repeats')).toMatchObject([{ id: first!.id, occurrences: 2 }])

    await mend('repeats')
    await sample('repeats')
    await makeBad('repeats')
    await sample('repeats')
    await sample('repeats')
    expect(await incidents('repeats')).toMatchObject([
      { id: first!.id, occurrences: 2 },
      { requester: 'detect:repeats' },
    ])
  })

  test('because the symptom was gone, as many samples as before are needed for another one', async () => {
    await makeBad('gone')
    await sample('gone')
    await sample('gone')
    const [first] = await incidents('gone')
    await closeIncident(engine.database, { incident: first!.id, outcome: 'resolved', reason: 'by the test' })
    expect((await sample('gone')).did).toBe('sample 1 of 2 that showed the symptom')
    expect((await sample('gone')).did).toMatch(/^opened INC-/)
    expect(await episodes('gone')).toMatchObject([
      { incident: first!.id, ended: true },
      { state: 'opened', ended: false },
    ])
  })
})

describe('a gate whose symptom is gone is voided, and its incident ends as cleared', () => {
  let worker: { stop(): Promise<void> }
  beforeAll(async () => {
    worker = await world.startWorker()
  })
  afterAll(() => worker.stop())

  test('by a sample of its runbook', async () => {
    await makeBad('gates')
    await sample('gates')
    await sample('gates')
    const [{ id } = { id: '' }] = await incidents('gates')
    await world.atGate(id)
    expect((await sample('gates')).did).toBe(`${id} is open`)
    await mend('gates')
    expect((await sample('gates')).did).toBe(`symptom gone; voided ${id}.r1`)
    const closed = await world.closed(id)
    expect(closed).toMatchObject({ outcome: 'cleared', reason: 'the symptom is gone. Nothing was applied' })
    expect(closed.rounds[0]!.gate).toMatchObject({ state: 'voided', why: 'a sample showed that the symptom is gone' })
  })

  test('with the inputs of its own incident, while the runbook is sampled with the defaults', async () => {
    await makeBad('elsewhere')
    const id = await world.open('own-gates', 'elsewhere')
    await world.atGate(id)
    expect(await sample('own-gates')).toEqual({ symptom: false, did: 'symptom not present' })
    expect((await readIncident(engine.database, id)).state).toBe('deciding')
    await makeBad('own-gates')
    await mend('elsewhere')
    expect((await sample('own-gates')).did).toMatch(new RegExp(`voided ${id}.r1$`))
    expect(await world.closed(id)).toMatchObject({ outcome: 'cleared' })
  })

  test('but not by a sample that could not be read, and not after it was approved', async () => {
    await makeBad('unread-gate')
    const id = await world.open('own-gates', 'unread-gate')
    const view = await world.atGate(id)
    await world.things.query('ALTER TABLE things RENAME TO hidden')
    try {
      expect((await detect(engine, { incident: id, limitMs: 1_000 })).did).toBe('the gate stays open')
    } finally {
      await world.things.query('ALTER TABLE hidden RENAME TO things')
    }
    await worker.stop()
    await world.decide(view)
    await mend('unread-gate')
    expect(await detect(engine, { incident: id, limitMs: 1_000 })).toEqual({
      symptom: 'not sampled',
      did: `${id} has no open gate`,
    })
    worker = await world.startWorker()
    expect(await world.closed(id)).toMatchObject({ outcome: 'cleared' })
  })
})

describe('an alert that ends asks for a sample of its incident', () => {
  const receive = async (status: 'firing' | 'resolved') => {
    const alerts = [{ match: { alertname: 'Things' }, incident: 'alerted', inputs: {} }]
    const alert = { status, labels: { alertname: 'Things' }, startsAt: '2026-03-14T03:10:37.000Z', fingerprint: 'f1' }
    const delivery = { version: '4', groupKey: '{}', alerts: [alert] }
    const configured = { ...engine, config: { ...engine.config, alerts } }
    return (await receiveAlerts(configured, 'alertmanager', JSON.stringify(delivery))).alerts[0]!
  }
  let worker: { stop(): Promise<void> }
  beforeEach(async () => {
    worker = await world.startWorker()
  })
  afterEach(() => worker.stop())

  test('which voids the gate at once if the symptom is gone, without a schedule', async () => {
    await makeBad('alerted')
    const id = (await receive('firing')).incident!
    await world.atGate(id)
    await mend('alerted')
    expect(await receive('resolved')).toMatchObject({ result: 'resolved', incident: id })
    expect(await world.closed(id)).toMatchObject({
      outcome: 'cleared',
      rounds: [{ gate: { state: 'voided' } }, { gate: null }],
    })
  })

  test('also when the process that received it ended before it started the sample: the reconciler starts it', async () => {
    await makeBad('alerted')
    const id = await world.open('alerted', 'alerted')
    await world.atGate(id)
    await mend('alerted')
    expect(await wantSample(engine.database, id)).toBe(true)
    expect((await reconcile(engine)).sampled).not.toContain(id)
    await world.history.superuser.query(
      `UPDATE runbook.incidents SET sample_wanted_at = sample_wanted_at - interval '5 seconds' WHERE id = $1`,
      [id],
    )
    expect((await reconcile(engine)).sampled).toContain(id)
    expect(await world.closed(id)).toMatchObject({ outcome: 'cleared' })
    expect(await wantSample(engine.database, id)).toBe(false)
    expect((await reconcile(engine)).sampled).toEqual([])
  })

  test('and a gate that was voided while the signal to its workflow was lost is carried on by the reconciler', async () => {
    await makeBad('alerted')
    const id = await world.open('alerted', 'alerted')
    await world.atGate(id)
    await mend('alerted')
    expect(await voidGate(engine.database, `${id}.r1`, 'by the test')).toBe(true)
    expect(await voidGate(engine.database, `${id}.r1`, 'by the test')).toBe(false)
    await world.history.superuser.query(
      `UPDATE runbook.gates SET opened_at = opened_at - interval '1 minute' WHERE incident = $1`,
      [id],
    )
    expect((await reconcile(engine)).signalled).toContain(id)
    expect(await world.closed(id)).toMatchObject({ outcome: 'cleared' })
  })
})

describe('the schedules', () => {
  const only = (...names: string[]): Engine => ({
    ...engine,
    catalogue: {
      ...engine.catalogue,
      byName: new Map([...engine.catalogue.byName].filter(([name]) => names.includes(name))),
    },
  })
  const described = async (runbook: string) =>
    engine.temporal.client.schedule
      .getHandle(detectionId(await engineId(engine.database), runbook))
      .describe()
      .then(
        ({ spec, state, policies }) => ({
          every: spec.intervals?.[0]?.every,
          paused: state.paused,
          overlap: policies.overlap,
        }),
        () => undefined,
      )
  const pastTime = (column: 'seen_at' | 'applied_at') =>
    // oxlint-disable-next-line runbook/sql-text -- one of two columns
    world.history.superuser.query(
      `UPDATE runbook.detectors SET ${column} = ${column} - interval '5 minutes', claimed_at = NULL`,
    )
  beforeEach(() => world.history.superuser.query('DELETE FROM runbook.detectors'))

  test('start samples, which open an incident; their costs are stored', async () => {
    const worker = await world.startWorker()
    const keep = detectorsKeeper(0)
    await makeBad('scheduled')
    await keep(only('scheduled'))
    expect(await described('scheduled')).toEqual({ every: 1_000, paused: false, overlap: 'SKIP' })
    await eventually('a sample opens an incident', async () => (await incidents('scheduled')).length > 0)
    await flushSamples(engine.database)
    const stored = await engine.database.query(`SELECT * FROM runbook.detectors WHERE runbook = 'scheduled'`)
    const [{ samples, unreadable, recent_ms, last }] = stored.rows
    expect([Number(samples) >= 2, Number(unreadable), recent_ms.length >= 2]).toEqual([true, 0, true])
    expect(JSON.parse(last)).toMatchObject({ symptom: true, rows: 1, bytes: expect.any(Number) })
    await worker.stop()
  })

  test('start samples that are one workflow task each; checks that may take long are an activity', async () => {
    const worker = await world.startWorker()
    const id = detectionId(await engineId(engine.database), 'once')
    const eventsOf = async (isShort: boolean) => {
      const handle = await engine.temporal.client.workflow.start(DETECT, {
        ...{ workflowId: id, taskQueue: diagnoseQueue(engine.config.temporal.taskQueue) },
        args: [{ runbook: 'counted', limitMs: 30_000, isShort }],
      })
      await handle.result()
      return (await handle.fetchHistory()).events ?? []
    }
    const short = await eventsOf(true)
    expect(short.filter((event) => event.workflowTaskCompletedEventAttributes)).toHaveLength(1)
    expect(short.filter((event) => event.activityTaskScheduledEventAttributes)).toEqual([])
    const long = await eventsOf(false)
    expect(long.filter((event) => event.activityTaskScheduledEventAttributes)).toHaveLength(1)
    await worker.stop()
  })

  test('stop when detection is paused, and go on when it is resumed', async () => {
    const keep = detectorsKeeper(0)
    await keep(only('scheduled'))
    const turn = { control: pauseOf('scheduled'), person: 'operator', reason: 'a migration runs' }
    await switchControl(engine.database, { ...turn, on: true })
    await keep(only('scheduled'))
    expect(await described('scheduled')).toMatchObject({ paused: true })
    await switchControl(engine.database, { ...turn, on: false })
    await keep(only('scheduled'))
    expect(await described('scheduled')).toMatchObject({ paused: false })
  })

  test('are deleted when no worker has the runbook any more, and made again when one was deleted in Temporal', async () => {
    const keep = detectorsKeeper(0)
    await keep(only('scheduled', 'slowly'))
    await engine.temporal.client.schedule.getHandle(detectionId(await engineId(engine.database), 'scheduled')).delete()
    await keep(only('scheduled'))
    expect(await described('scheduled')).toBeUndefined()
    await pastTime('applied_at')
    await keep(only('scheduled'))
    expect(await described('scheduled')).toBeDefined()

    await pastTime('seen_at')
    await keep(only('scheduled'))
    expect(await described('slowly')).toBeUndefined()
    expect(await described('scheduled')).toBeDefined()
    const left = await engine.database.query('SELECT runbook FROM runbook.detectors')
    expect(left.rows).toEqual([{ runbook: 'scheduled' }])
    expect(await episodes('slowly')).toEqual([])
  })

  test('are those of the files that were loaded last, no matter which worker reports last', async () => {
    const withEvery = (everyMs: number, loadedAt: Date): Engine => {
      const { byName } = only('scheduled').catalogue
      const loaded = byName.get('scheduled')!
      const changed = { ...loaded, plan: { ...loaded.plan, detect: { ...loaded.plan.detect!, everyMs } } }
      const catalogue = { ...engine.catalogue, byName: new Map([['scheduled', changed]]) }
      return { ...engine, catalogue, files: { ...engine.files, loadedAt: loadedAt.toISOString() } }
    }
    const [older, newer] = [withEvery(60_000, new Date(Date.now() - 60_000)), withEvery(30_000, new Date())]
    const [first, second] = [detectorsKeeper(0), detectorsKeeper(0)]
    await first(older)
    expect(await described('scheduled')).toMatchObject({ every: 60_000 })
    await second(newer)
    expect(await described('scheduled')).toMatchObject({ every: 30_000 })
    await first(older)
    expect(await described('scheduled')).toMatchObject({ every: 30_000 })
  })
})
