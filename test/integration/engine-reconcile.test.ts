import { hostname } from 'node:os'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { digest } from '../../src/core/canonical.ts'
import { Current } from '../../src/core/current.ts'
import type { Json } from '../../src/core/json.ts'
import { IR_VERSION, type Plan } from '../../src/core/plan.ts'
import { closeOutdated } from '../../src/engine/close-outdated.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { acknowledge, addNote, cancelIncident, claim } from '../../src/engine/incident-actions.ts'
import { reconcile } from '../../src/engine/reconcile.ts'
import { activityDependencies, runWorker } from '../../src/engine/run-worker.ts'
import { Secret } from '../../src/config/secret.ts'
import { doctorWorkers } from '../../src/engine/setup/doctor-workers.ts'
import { showIncident } from '../../src/engine/views/show.ts'
import { trigger } from '../../src/engine/trigger.ts'
import { acceptIncident } from '../../src/history/accept.ts'
import { closeIncident } from '../../src/history/close.ts'
import { readEvents, readIncident } from '../../src/history/incidents.ts'
import { storePlan } from '../../src/history/plans.ts'
import { readWorkers } from '../../src/history/workers.ts'
import { diagnoseQueue } from '../../src/temporal/names.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { incidentWorkflow } from '../../src/engine/incident-workflow.ts'
import { openWorkflowWorld, thingsCheck, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

const NO_KEY = { key: new Secret('${KEY}', 'a test', '', ['KEY']), previous: [] }

let world: WorkflowWorld
let engine: Engine
let worker: { stop(): Promise<void> }

/** Five parallel checks, and a cause that needs no action. */
const five = ['bad', 'two', 'three', 'four', 'five']
const watching = thingsPlan('watching', {
  checks: five.map((name) => thingsCheck(name)),
  causes: [{ ...thingsPlan('x').causes[0]!, then: { end: 'no-action' } }],
  remedies: {},
})

beforeAll(async () => {
  installRuntime('ERROR')
  world = await openWorkflowWorld(inject('stack'), [thingsPlan('things'), watching])
  engine = world.engine
  worker = await world.startWorker()
})

afterAll(async () => {
  await world?.close()
})

const handle = (incident: string) => incidentWorkflow(engine, incident)

/** Moves the stored times into the past, as if this much time had passed. */
async function passTime(seconds = 3_600): Promise<void> {
  const ago = `- interval '${seconds} seconds'`
  await world.history.superuser
    .query(`UPDATE runbook.incidents SET opened_at = opened_at ${ago}, started_at = started_at ${ago},
    looked_at = looked_at ${ago}, rung_at = rung_at ${ago}, cancelled_at = cancelled_at ${ago} WHERE closed_at IS NULL`)
  await world.history.superuser.query(
    `UPDATE runbook.gates SET decided_at = decided_at ${ago} WHERE decided_at IS NOT NULL`,
  )
}

/** An engine whose Temporal does not answer. */
function withoutTemporal(): Engine {
  const away = () => Promise.reject(new Error('Temporal is down'))
  const workflow = { start: away, getHandle: () => ({ signal: away, describe: away }) }
  const client = { workflow, withDeadline: (_: unknown, call: () => unknown) => call() }
  return { ...engine, temporal: { ...engine.temporal, client: client as never } }
}

const acceptedThings = (group: string) =>
  trigger(withoutTemporal(), { type: 'things', inputs: { group }, requester: 'person:operator' })

const signals = async (incident: string) => {
  const { events } = await (await handle(incident)).fetchHistory()
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length
}

test('a hand-off that is repeated finds the incident that it opened, and does not count it twice', async () => {
  const parent = (await acceptedThings('hands-off')).incident
  const { openIncident } = activityDependencies(withoutTemporal())
  const handOff = () => openIncident('things', { group: 'handed-over' }, `handoff:${parent}`, parent)
  const opened = await handOff()
  expect(await handOff()).toMatchObject({ incident: opened.incident, created: false, occurrences: 1 })
})

describe('an incident that was accepted while Temporal was down', () => {
  test('is started once, even if several processes reconcile', async () => {
    await world.addThings('outbox', 'o1')
    const accepted = await trigger(withoutTemporal(), {
      type: 'things',
      inputs: { group: 'outbox' },
      requester: 'person:operator',
    })
    expect(accepted.created).toBe(true)
    expect((await readIncident(engine.database, accepted.incident)).startedAt).toBeNull()
    expect((await reconcile(engine)).started).toEqual([])
    await passTime(3)
    await Promise.all([reconcile(engine), reconcile(engine)])
    expect((await readIncident(engine.database, accepted.incident)).startedAt).not.toBeNull()
    expect((await reconcile(engine)).started).toEqual([])
    await world.atGate(accepted.incident)
  })

  test('may have been started although `started_at` is not set', async () => {
    await world.addThings('noted', 'n1')
    const incident = await world.open('things', 'noted')
    await world.history.superuser.query('UPDATE runbook.incidents SET started_at = NULL WHERE id = $1', [incident])
    await passTime(3)
    expect((await reconcile(engine)).started).toContain(incident)
    await world.decide(await world.atGate(incident))
    expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved', occurrences: 1 })
  })

  test('stays in the outbox while Temporal is down; one that cannot be started does not delay the others', async () => {
    const ids: string[] = []
    for (const group of ['g1', 'g2', 'g3'])
      ids.push(
        (await trigger(withoutTemporal(), { type: 'watching', inputs: { group }, requester: 'person:operator' }))
          .incident,
      )
    await passTime(3)
    await expect(reconcile(withoutTemporal())).rejects.toThrow('Temporal is down')
    const start = engine.temporal.client.workflow.start.bind(engine.temporal.client.workflow)
    const picky = Object.assign(Object.create(engine.temporal.client) as typeof engine.temporal.client, {
      workflow: Object.assign(
        Object.create(engine.temporal.client.workflow) as typeof engine.temporal.client.workflow,
        {
          start: (type: string, options: { workflowId: string }) =>
            options.workflowId.startsWith(`${ids[0]}/`)
              ? Promise.reject(new Error('not this one'))
              : start(type, options as never),
        },
      ),
    })
    await expect(reconcile({ ...engine, temporal: { ...engine.temporal, client: picky } })).rejects.toThrow(
      'not this one',
    )
    for (const id of ids.slice(1)) expect(await world.closed(id)).toMatchObject({ outcome: 'cleared' })
    await reconcile(engine)
    expect(await world.closed(ids[0]!)).toMatchObject({ outcome: 'cleared' })
  })
})

describe('a workflow id', () => {
  test('that another workflow has is not taken for the incident: it fails with the reason, and is not left open', async () => {
    const accepted = await trigger(withoutTemporal(), {
      type: 'watching',
      inputs: { group: 'taken' },
      requester: 'person:operator',
    })
    const { workflowId } = await readIncident(engine.database, accepted.incident)
    await engine.temporal.client.workflow.start('runbook.watching', { workflowId, taskQueue: 'nobody', args: [] })
    await passTime(3)
    await reconcile(engine)
    expect(await readIncident(engine.database, accepted.incident)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/which this engine did not start/),
    })
  })

  test('differs for the same number in another database of one namespace, and after a restore', async () => {
    const { database } = engine
    const first = await trigger(engine, { type: 'watching', inputs: { group: 'n1' }, requester: 'person:operator' })
    const before = await readIncident(database, first.incident)
    expect(before.workflowId).toMatch(new RegExp(`^${first.incident}/[0-9a-f]{8}/[0-9a-f]{16}$`))
    await world.closed(first.incident)
    // A new nonce is what a restored database assigns when it gives this number to an incident again.
    await world.history.superuser.query(`UPDATE runbook.incidents SET start_nonce = gen_random_uuid() WHERE id = $1`, [
      first.incident,
    ])
    expect((await readIncident(database, first.incident)).workflowId).not.toBe(before.workflowId)
  })
})

describe('the reconciler', () => {
  test('repeats a lost signal for a decision, with growing intervals, from only one of several processes', async () => {
    await world.addThings('ring', 'r1')
    const incident = await world.open('things', 'ring')
    const waiting = await world.atGate(incident)
    await worker.stop()
    const { id: gate, proposalDigest } = waiting.rounds[0]!.gate!
    const { decideGate } = await import('../../src/engine/decide-gate.ts')
    await decideGate(withoutTemporal(), engine.people.lead!, { gate, proposalDigest, decision: 'approve' })
    expect((await reconcile(engine)).signalled).toEqual([])
    await passTime(11)
    const passes = await Promise.all([reconcile(engine), reconcile(engine), reconcile(engine)])
    expect(passes.flatMap((one) => one.signalled)).toEqual([incident])
    // The signal was sent 11 s after the decision, so the next one is due another 11 s later.
    await passTime(9)
    expect((await reconcile(engine)).signalled).toEqual([])
    await passTime(3)
    expect((await reconcile(engine)).signalled).toEqual([incident])
    await passTime(20)
    expect((await reconcile(engine)).signalled).toEqual([])
    worker = await world.startWorker()
    expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
    // The signals are counted last, because Temporal adds a signal to the history only after the stopped worker's task has ended.
    expect(await signals(incident)).toBe(2)
  })

  test('repeats a lost signal for a cancellation', async () => {
    await world.addThings('mark', 'k1')
    const incident = await world.open('things', 'mark')
    await world.atGate(incident)
    await cancelIncident(withoutTemporal(), engine.people.lead!, incident)
    await passTime(11)
    expect((await reconcile(engine)).signalled).toEqual([incident])
    expect(await world.closed(incident)).toMatchObject({
      outcome: 'cancelled',
      reason: 'cancelled by lead. Nothing was applied',
    })
  })

  test('leaves running workflows alone, and closes incidents whose workflow ended without closing them', async () => {
    const groups = ['running', 'terminated', 'cancelled']
    for (const group of groups) await world.addThings(group, `${group}-1`, `${group}-2`)
    const [running, terminated, cancelled] = (await Promise.all(
      groups.map((group) => world.open('things', group)),
    )) as [string, string, string]
    for (const incident of [running, terminated, cancelled]) await world.atGate(incident)
    await worker.stop()
    // When the workflow ended, only one of the two targets had a permit.
    await world.history.superuser.query(
      `INSERT INTO runbook.permits (gate, target, remedy, lease, fence) VALUES ($1, 'terminated-1', 'things/mend', 'l', 1)`,
      [`${terminated}.r1`],
    )
    await (await handle(terminated)).terminate('by a person')
    await (await handle(cancelled)).cancel()
    expect((await reconcile(engine)).closed).toEqual([])
    worker = await world.startWorker()
    await (await handle(cancelled)).result().catch(() => {})
    await passTime()
    const closed = (await Promise.all([reconcile(engine), reconcile(engine)])).flatMap((one) => one.closed)
    expect(closed.sort()).toEqual([terminated, cancelled].sort())
    expect(await showIncident(engine.database, terminated)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^its workflow was terminated: by a person\. /),
      rounds: [
        {
          gate: { state: 'voided' },
          effects: [{ target: 'terminated-1', result: 'unknown' }],
          targets: [{ state: 'unknown' }, { state: 'proposed' }],
        },
      ],
    })
    expect((await readEvents(engine.database, terminated)).slice(-3).map((event) => event.place)).toEqual([
      'r1/effect/0-sql.update/terminated-1',
      'r1/gate/voided',
      'closed',
    ])
    expect(await readIncident(engine.database, cancelled)).toMatchObject({ outcome: 'cancelled' })
    expect(await readIncident(engine.database, running)).toMatchObject({ state: 'deciding', outcome: null })
    await world.decide(await showIncident(engine.database, running))
    expect(await world.closed(running)).toMatchObject({ outcome: 'resolved' })
    await passTime()
    expect((await reconcile(engine)).closed).toEqual([])
  })

  test('closes an incident whose workflow Temporal does not know as failed', async () => {
    await world.addThings('gone', 'x1')
    const { incident } = await trigger(withoutTemporal(), {
      type: 'things',
      inputs: { group: 'gone' },
      requester: 'person:operator',
    })
    await world.history.superuser.query('UPDATE runbook.incidents SET started_at = now() WHERE id = $1', [incident])
    await passTime()
    expect((await reconcile(engine)).closed).toContain(incident)
    expect(await readIncident(engine.database, incident)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringMatching(/^its workflow is gone from Temporal\. /),
    })
  })

  test.each([['a malformed plan', { checks: null }, /could not continue/]])(
    'a worker refuses %s, and the incident holds the reason',
    async (_, change, why) => {
      const plan = { ...thingsPlan('things'), ...change } as unknown as Plan
      const planDigest = await storePlan(engine.database, plan, 'by hand')
      expect(planDigest).toBe(digest(plan as unknown as Json))
      const { incident } = await acceptIncident(engine.database, {
        type: 'things',
        runbook: 'things',
        planDigest,
        key: `odd-${planDigest}`,
        inputs: { group: 'odd' },
        requester: 'person:operator',
      })
      await passTime(3)
      await reconcile(engine)
      await (await handle(incident)).result().catch(() => {})
      await passTime()
      await reconcile(engine)
      expect(await readIncident(engine.database, incident)).toMatchObject({
        outcome: 'failed',
        reason: expect.stringMatching(why),
      })
    },
  )
})

describe('a person', () => {
  test('acknowledges once, can claim repeatedly, and can only add notes to a closed incident', async () => {
    await world.addThings('people', 'p1')
    const incident = await world.open('things', 'people')
    const waiting = await world.atGate(incident)
    const { lead, operator } = engine.people as { lead: never; operator: never }
    await Promise.all([acknowledge(engine, lead, incident), acknowledge(engine, lead, incident)])
    await acknowledge(engine, operator, incident)
    await claim(engine, lead, incident)
    await claim(engine, operator, incident)
    expect(await readIncident(engine.database, incident)).toMatchObject({
      acknowledgedBy: 'lead',
      claimedBy: 'operator',
    })
    await world.decide(waiting, 'lead', { decision: 'reject' })
    await world.closed(incident)
    for (const act of [acknowledge, claim, cancelIncident])
      await expect(act(engine, lead, incident)).rejects.toMatchObject({ code: 'RUNBOOK_CONFLICT' })
    await addNote(engine, operator, incident, '  Why? \n')
    for (const text of ['', '   ', 'x'.repeat(10_001), 'a\u0000b', 'a\ud800b'])
      await expect(addNote(engine, operator, incident, text)).rejects.toMatchObject({ code: 'RUNBOOK_BAD_INPUT' })
    const kinds = (await readEvents(engine.database, incident)).map((event) => event.kind)
    expect(kinds.filter((kind) => kind === 'acknowledged')).toHaveLength(1)
    expect(kinds.at(-1)).toBe('note')
    await expect(acknowledge(engine, lead, 'INC-999999')).rejects.toMatchObject({ code: 'RUNBOOK_NOT_FOUND' })
  })
})

test('an acknowledgement and a claim that race with the end do not reopen an incident', async () => {
  const { lead, operator } = engine.people as { lead: never; operator: never }
  for (let round = 0; round < 20; round += 1) {
    const { planDigest } = engine.catalogue.byName.get('things')!
    const { incident } = await acceptIncident(engine.database, {
      ...{ type: 'things', runbook: 'things', planDigest, key: `race-${round}`, inputs: { group: `race-${round}` } },
      requester: 'person:operator',
    })
    const [closed, acknowledged, claimed] = await Promise.allSettled([
      closeIncident(engine.database, { incident, outcome: 'cleared', reason: 'it went away' }),
      acknowledge(engine, lead, incident),
      claim(engine, operator, incident),
    ])
    expect(closed.status).toBe('fulfilled')
    const kinds = (await readEvents(engine.database, incident)).map(({ kind }) => kind)
    expect(kinds.at(-1)).toBe('closed')
    expect(kinds.filter((kind) => kind === 'closed')).toHaveLength(1)
    for (const [result, kind] of [
      [acknowledged, 'acknowledged'],
      [claimed, 'claimed'],
    ] as const) {
      expect(kinds.includes(kind)).toBe(result.status === 'fulfilled')
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'RUNBOOK_CONFLICT' })
    }
    expect(await readIncident(engine.database, incident)).toMatchObject({
      state: 'closed',
      outcome: 'cleared',
      acknowledgedBy: acknowledged.status === 'fulfilled' ? 'lead' : null,
      claimedBy: claimed.status === 'fulfilled' ? 'operator' : null,
    })
  }
})

describe('the cost of an incident', () => {
  test('five parallel SQL checks and an end without a proposal: one workflow task, seven statements', async () => {
    await world.addThings('cost', 'c1', 'c2')
    await world.closed(await world.open('watching', 'cost'))
    const counted = countTransactions(engine)
    const { incident } = await trigger(counted.engine, {
      type: 'watching',
      inputs: { group: 'cost' },
      requester: 'person:operator',
    })
    expect(await (await handle(incident)).result()).toMatchObject({ outcome: 'no-action' })
    const here = counted.transactions()
    // A second incident has a worker of its own, so that the worker's transactions are counted apart from the engine's.
    await worker.stop()
    worker = await world.startWorker({ database: counted.engine.database })
    const before = counted.transactions()
    const next = await world.open('watching', 'cost')
    expect(await (await handle(next)).result()).toMatchObject({ outcome: 'no-action' })
    const there = counted.transactions() - before
    // The engine needs two transactions: it accepts the incident and marks it as started. The worker needs five: it checks the caller, stores evidence, reads twice before it closes the incident, and closes it.
    expect([here, there]).toEqual([2, 5])

    const { events } = await (await handle(incident)).fetchHistory()
    const types = (events ?? []).map((event) => Object.keys(event).find((key) => key.endsWith('EventAttributes')))
    expect(types).toEqual([
      'workflowExecutionStartedEventAttributes',
      'workflowTaskScheduledEventAttributes',
      'workflowTaskStartedEventAttributes',
      'workflowTaskCompletedEventAttributes',
      'markerRecordedEventAttributes',
      'markerRecordedEventAttributes',
      'upsertWorkflowSearchAttributesEventAttributes',
      'workflowExecutionCompletedEventAttributes',
    ])
    const view = await showIncident(engine.database, incident)
    expect(view.rounds[0]!.checks.map((one) => [one.name, one.rows])).toEqual(five.map((name) => [name, 2]))
  })

  /** Counts what is committed through this engine's connections: single statements, and BEGIN … COMMIT as one. */
  function countTransactions(of: Engine): { engine: Engine; transactions(): number } {
    let count = 0
    const counting = (client: object, inside: { transaction: boolean }) =>
      new Proxy(client, {
        get(target, name) {
          const value: unknown = Reflect.get(target, name)
          if (typeof value !== 'function') return value
          if (name !== 'query') return value.bind(target)
          return (...given: unknown[]) => {
            const [text] = given
            if (text === 'BEGIN') inside.transaction = true
            else if (text === 'COMMIT' || !inside.transaction) count += 1
            if (text === 'COMMIT' || text === 'ROLLBACK') inside.transaction = false
            return (value as (...all: unknown[]) => unknown).apply(target, given)
          }
        },
      })
    const database = new Proxy(of.database, {
      get(target, name) {
        if (name === 'connect') return async () => counting(await target.connect(), { transaction: false })
        if (name === 'query') {
          return (...given: unknown[]) => {
            count += 1
            return (target.query as (...all: unknown[]) => unknown)(...given)
          }
        }
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    return { engine: { ...of, database }, transactions: () => count }
  }
})

describe('incidents of another version of plans', () => {
  let keys = 0
  const openOld = async (irVersion: number, ageMinutes: number) => {
    const plan = { ...thingsPlan('things'), irVersion } as unknown as Plan
    const planDigest = await storePlan(engine.database, plan, '')
    const { incident } = await acceptIncident(engine.database, {
      ...{ type: 'things', runbook: 'things', planDigest, key: `version-${keys++}`, inputs: { group: 'outdated' } },
      requester: 'person:operator',
    })
    await world.history.superuser.query(
      "UPDATE runbook.incidents SET opened_at = opened_at - $2 * interval '1 minute' WHERE id = $1",
      [incident, ageMinutes],
    )
    return incident
  }
  const seeWorker = (irVersion: number, minutesAgo: number) =>
    world.history.superuser.query(
      `INSERT INTO runbook.workers (id, identity, ir_version, seen_at) VALUES ($1, 'old@host', $2, clock_timestamp() - $3 * interval '1 minute')
       ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at`,
      [`version ${irVersion}`, irVersion, minutesAgo],
    )

  test('are closed as failed with the reason, and their workflows end, once no worker of the version was seen for 15 minutes', async () => {
    const incident = await openOld(1, 20)
    expect((await reconcile(engine)).closed).toContain(incident)
    expect(await showIncident(engine.database, incident)).toMatchObject({
      outcome: 'failed',
      reason: expect.stringContaining('an older version of the engine (plans of version 1'),
    })
  })

  test('stay open while a worker of that version runs, or ran a moment ago', async () => {
    await seeWorker(1, 14)
    const incident = await openOld(1, 20)
    expect((await reconcile(engine)).closed).not.toContain(incident)
    await seeWorker(1, 16)
    expect((await reconcile(engine)).closed).toContain(incident)
  })

  test('of a newer version stay open for 15 minutes: during a rollout, the API can be newer than all workers', async () => {
    const [fresh, old] = [await openOld(99, 10), await openOld(99, 20)]
    const { closed } = await reconcile(engine)
    expect(closed).toContain(old)
    expect(closed).not.toContain(fresh)
  })

  test('are reported by the doctor, with the workers that stood still', async () => {
    const incident = await openOld(97, 5)
    await seeWorker(97, 2)
    const url = world.history.applicationUrl
    const findings = await doctorWorkers({ database: new Secret('${X}', 'a test', url, []), signing: NO_KEY }, [])
    expect(findings).toContainEqual(
      expect.objectContaining({
        name: 'worker versions',
        detail: expect.stringMatching(/1 open incident waits .* version 97; .* last seen 2m/),
      }),
    )
    await closeOutdated(engine, incident, 97)
  })

  test('are started on the queues of their version, so that workers of this one do not get them', async () => {
    const incident = await openOld(98, 5)
    await reconcile(engine)
    const description = await (await handle(incident)).describe()
    expect([description.status.name, description.taskQueue]).toEqual([
      'RUNNING',
      `${engine.config.temporal.taskQueue}-v98-diagnose`,
    ])
    await closeOutdated(engine, incident, 98)
    expect((await (await handle(incident)).describe()).status.name).toBe('TERMINATED')
  })
})

test('a worker that gets a plan of another version all the same runs nothing of it, and says why', async () => {
  const plan = { ...thingsPlan('things'), irVersion: 99 }
  const started = engine.temporal.client.workflow.start('runbook.things', {
    ...{ workflowId: 'other-version', taskQueue: diagnoseQueue(engine.config.temporal.taskQueue) },
    args: [plan, { incident: 'INC-0', planDigest: '', inputs: {} }],
  })
  await expect((await started).result()).rejects.toMatchObject({
    cause: { message: expect.stringMatching(/received a plan of version 99 named things/) },
  })
})

test('a worker reports its version and that it stood still', async () => {
  const reporting = await runWorker(new Current(engine), ['remediate'], () => {})
  const before = () => readWorkers(engine.database)
  await expect.poll(before).toContainEqual(expect.objectContaining({ irVersion: IR_VERSION, stalls: 0 }))
  // Blocks this thread, and with it the worker that runs in it.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1_300)
  const ours = async () => (await readWorkers(engine.database)).find(({ irVersion }) => irVersion === IR_VERSION)!
  await expect.poll(ours, { timeout: 20_000 }).toMatchObject({ identity: `${process.pid}@${hostname()}`, stalls: 1 })
  const { lastStallMs, lastStallAgoMs } = await ours()
  expect(lastStallMs).toBeGreaterThan(1_000)
  expect(lastStallAgoMs).toBeLessThan(30_000)
  const database = new Secret('${X}', 'a test', world.history.applicationUrl, [])
  expect(await doctorWorkers({ database, signing: NO_KEY }, [])).toContainEqual(
    expect.objectContaining({ name: 'worker stalls', detail: expect.stringContaining('stood still once') }),
  )
  await reporting.stop()
})
