import { installRuntime } from '../../src/temporal/worker.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { PlanRemedy } from '../../src/core/plan.ts'
import { cancelIncident } from '../../src/engine/incident-actions.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { markdownOf } from '../support/review.ts'
import type { Review } from '../../src/engine/views/view-types.ts'
import type { DecisionClaims } from '../../src/gate/decision-schema.ts'
import { signClaims } from '../../src/gate/keyring.ts'
import { describeWorkflow } from '../../src/temporal/describe.ts'
import { incidentWorkflow } from '../../src/engine/incident-workflow.ts'
import { expression } from '../unit/interpreter/plan-fixture.ts'
import { mending, openWorkflowWorld, thingsCheck, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'
import { eventually } from '../support/effects-world.ts'

let world: WorkflowWorld
let worker: { stop(): Promise<void> }
/** An incident whose closed workflow is deleted from Temporal, which takes some seconds. */
let forgotten: Review

const impatient: PlanRemedy['approval'] & { auto: false } = {
  auto: false,
  by: ['oncall'],
  count: 1,
  withinMs: 500,
  onTimeout: 'reject',
  validForMs: 60_000,
}

beforeAll(async () => {
  installRuntime('ERROR')
  world = await openWorkflowWorld(inject('stack'), [
    thingsPlan('things'),
    thingsPlan('impatient', { remedies: { mend: mending({ approval: impatient }) } }),
    thingsPlan('slow', {
      checks: [thingsCheck('bad', `SELECT id, n FROM things, pg_sleep(1) WHERE grp = $1 AND state = 'bad'`)],
    }),
    thingsPlan('halved', {
      key: { expr: expression('inputs.group.substring(0, 7)') },
      remedies: { mend: mending({ lock: { expr: expression('thing.id.substring(0, 1)') } }) },
    }),
    thingsPlan('two', { remedies: { mend: mending({ approval: { ...impatient, count: 2, withinMs: 60_000 } }) } }),
  ])
  worker = await world.startWorker()
})

afterAll(async () => {
  await world?.close()
})

async function states(group: string): Promise<string[]> {
  const found = await world.things.query<{ thing: string }>(
    `SELECT id || ' ' || state || ' ' || changes AS thing FROM things WHERE grp = $1 ORDER BY id`,
    [group],
  )
  return found.rows.map((row) => row.thing)
}

const handle = (incident: string) => incidentWorkflow(world.engine, incident)

async function eventTypes(incident: string): Promise<string[]> {
  const { events } = await (await handle(incident)).fetchHistory()
  return (events ?? []).map((event) => Object.keys(event).find((key) => key.endsWith('EventAttributes'))!)
}

describe('an incident', () => {
  test('whose remedy is approved is resolved, with each effect exactly once', async () => {
    await world.addThings('plain', 'p1', 'p2')
    const incident = await world.open('things', 'plain')
    const waiting = await world.atGate(incident)
    expect(waiting).toMatchObject({
      state: 'deciding',
      rounds: [{ targets: [{ key: 'p1', state: 'proposed' }, { key: 'p2' }] }],
    })
    await world.decide(waiting)
    const closed = await world.closed(incident)
    expect(closed).toMatchObject({ outcome: 'resolved', rounds: [{ verified: true, remedy: 'mend' }] })
    const sampled = await world.history.superuser.query<{ parameters: string }>(
      "SELECT parameters FROM runbook.evidence WHERE incident = $1 AND place = 'r1/verify/after'",
      [incident],
    )
    expect(JSON.parse(sampled.rows[0]!.parameters)).toMatchObject({
      connection: 'db',
      sql: expect.stringContaining('SELECT'),
    })
    expect(closed.rounds[0]!.targets.map((one) => one.state)).toEqual(['applied', 'applied'])
    expect(await states('plain')).toEqual(['p1 good 1', 'p2 good 1'])
    expect(await (await handle(incident)).result()).toMatchObject({ outcome: 'resolved', reason: closed.reason })

    const { client, namespace } = world.engine.temporal
    const { workflowId } = await handle(incident)
    await client.workflowService.deleteWorkflowExecution({ namespace, workflowExecution: { workflowId } })
    const review = await reviewIncident(world.engine.database, incident)
    forgotten = review
    expect(review.chainFaults).toEqual([])
    expect(review.timeline.map((entry) => entry.place)).toEqual([
      'opened',
      'r1/check/bad',
      'r1/findings',
      'r1/proposal',
      expect.stringMatching(/^r1\/decision\//),
      'r1/recheck1/bad',
      'r1/recheck1',
      'r1/permit/p1',
      'r1/effect/0-sql.update/p1',
      'r1/permit/p2',
      'r1/effect/0-sql.update/p2',
      'r1/verify/after',
      'r1/verify/verdict',
      'r1/after/bad',
      'closed',
    ])
    const markdown = await markdownOf(review)
    for (const part of [
      '**Causes that hold**',
      'lead** approved all targets',
      'UPDATE',
      'applied',
      '**Verification**: passed',
    ])
      expect(markdown).toContain(part)
  })

  test('that is rejected is declined, and nothing is changed', async () => {
    await world.addThings('no', 'n1')
    const incident = await world.open('things', 'no')
    await world.decide(await world.atGate(incident), 'lead', { decision: 'reject' })
    expect(await world.closed(incident)).toMatchObject({
      outcome: 'declined',
      reason: 'lead rejected the proposal. Nothing was applied',
    })
    expect(await states('no')).toEqual(['n1 bad 0'])
  })

  test('on which nobody decides expires, and nothing is changed', async () => {
    await world.addThings('silent', 's1')
    const closed = await world.closed(await world.open('impatient', 'silent'))
    expect(closed).toMatchObject({ outcome: 'expired', rounds: [{ gate: { state: 'expired' } }] })
    expect(await states('silent')).toEqual(['s1 bad 0'])
  })

  test('that is cancelled at its gate ends at once', async () => {
    await world.addThings('stop', 'c1')
    const incident = await world.open('things', 'stop')
    const waiting = await world.atGate(incident)
    await cancelIncident(world.engine, world.engine.people.lead!, incident)
    const closed = await world.closed(incident)
    expect(closed).toMatchObject({
      outcome: 'cancelled',
      reason: 'cancelled by lead. Nothing was applied',
      rounds: [{ gate: { state: 'cancelled' } }],
    })
    await expect(world.decide(waiting)).rejects.toMatchObject({ code: 'RUNBOOK_CONFLICT' })
    expect(await states('stop')).toEqual(['c1 bad 0'])
  })

  test('that is cancelled while it is diagnosed gets no gate', async () => {
    await world.addThings('early', 'e1')
    const incident = await world.open('slow', 'early')
    await cancelIncident(world.engine, world.engine.people.lead!, incident)
    expect(await world.closed(incident)).toMatchObject({
      outcome: 'cancelled',
      reason: 'cancelled by lead. Nothing was applied',
      rounds: [{ gate: null }],
    })
  })

  test('that is approved for a subset of the targets proposes the others in the next round', async () => {
    await world.addThings('part', 'q1', 'q2', 'q3')
    const incident = await world.open('things', 'part')
    await world.decide(await world.atGate(incident), 'lead', { targets: ['q2'] })
    const again = await world.until(incident, 'is in round 2', (view) => view.rounds[1]?.gate?.state === 'open')
    expect(again.rounds[0]!.targets.map((one) => one.state)).toEqual(['not-approved', 'applied', 'not-approved'])
    expect(again.rounds[1]!.targets.map((one) => one.key)).toEqual(['q1', 'q3'])
    await world.decide(again)
    expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
    expect(await states('part')).toEqual(['q1 good 1', 'q2 good 1', 'q3 good 1'])
  })

  test('re-checks its targets after the approval, and skips a target that has recovered', async () => {
    await world.addThings('well', 'w1', 'w2')
    const incident = await world.open('things', 'well')
    const waiting = await world.atGate(incident)
    await world.things.query(`UPDATE things SET state = 'good', changes = 9 WHERE id = 'w1'`)
    await world.decide(waiting)
    const closed = await world.closed(incident)
    expect(closed.rounds[0]!.targets.map((one) => one.state)).toEqual(['skipped', 'applied'])
    expect(await states('well')).toEqual(['w1 good 10', 'w2 good 1'].map((one) => one.replace('10', '1')))
  })
})

describe('a signal', () => {
  async function token(view: Awaited<ReturnType<WorkflowWorld['atGate']>>, jti: string, key = world.leadsKey) {
    const { id: gate, proposalDigest } = view.rounds[0]!.gate!
    const claims: DecisionClaims = { gate, proposalDigest, decision: 'approve', person: 'lead', iat: 1, jti }
    return signClaims(claims, key)
  }

  test('with a token that a person signed decides, whatever was received before it', async () => {
    await world.addThings('signed', 'g1')
    const incident = await world.open('things', 'signed')
    const waiting = await world.atGate(incident)
    const forged = 'eyJhbGciOiJub25lIn0.e30.'
    for (let i = 0; i < 2; i += 1) await (await handle(incident)).signal('decision', forged)
    await (await handle(incident)).signal('wake')
    await (await handle(incident)).signal('decision', await token(waiting, 'signal-1'))
    const closed = await world.closed(incident)
    expect(closed).toMatchObject({ outcome: 'resolved', rounds: [{ gate: { decisions: [{ person: 'lead' }] } }] })
    const { timeline } = await reviewIncident(world.engine.database, incident)
    const denied = timeline.filter((entry) => entry.kind === 'denied')
    expect(denied).toMatchObject([{ actor: 'signal', data: { code: 'RUNBOOK_NOT_AUTHENTICATED' } }])
    expect(denied[0]!.text).toMatch(/INC-\d+\.r1/)
  })

  test('with a token whose jti was used before, or whose claims are invalid, is refused, and the gate stays open', async () => {
    await world.addThings('used', 'u1')
    const incident = await world.open('two', 'used')
    const waiting = await world.atGate(incident)
    await (await handle(incident)).signal('decision', await token(waiting, 'signal-1'))
    const odd = { gate: waiting.rounds[0]!.gate!.id, targets: 'u1', person: 'lead', jti: 'x', iat: 1 }
    await (
      await handle(incident)
    ).signal('decision', await signClaims(odd as unknown as DecisionClaims, world.leadsKey))
    await world.until(incident, 'has denied both', () => true)
    await eventually('both are denied', async () => {
      const { timeline } = await reviewIncident(world.engine.database, incident)
      return timeline.filter((entry) => entry.kind === 'denied').length === 2
    })
    await world.decide(waiting, 'lead')
    await world.decide(waiting, 'operator')
    expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
    expect(await states('used')).toEqual(['u1 good 1'])
  })
})

describe('workers', () => {
  test('that are stopped lose no decision: it takes effect when one is started again', async () => {
    await world.addThings('away', 'a1')
    const incident = await world.open('things', 'away')
    const waiting = await world.atGate(incident)
    await worker.stop()
    await world.decide(waiting)
    expect(
      (await world.until(incident, 'is approved', (view) => view.rounds[0]!.gate!.state === 'approved')).state,
    ).toBe('deciding')
    worker = await world.startWorker()
    expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
    expect(await states('away')).toEqual(['a1 good 1'])
  })

  test('can be several: each effect is applied once', async () => {
    const second = await world.startWorker()
    const groups = ['m1', 'm2', 'm3', 'm4', 'm5']
    for (const group of groups) await world.addThings(group, `${group}-x`, `${group}-y`)
    const incidents = await Promise.all(groups.map((group) => world.open('things', group)))
    for (const incident of incidents) await world.decide(await world.atGate(incident))
    for (const incident of incidents) expect(await world.closed(incident)).toMatchObject({ outcome: 'resolved' })
    for (const group of groups) expect(await states(group)).toEqual([`${group}-x good 1`, `${group}-y good 1`])
    await second.stop()
  })
})

describe('an error', () => {
  test('in the only target is said, and the incident is escalated', async () => {
    await world.addThings('odd', 'o1\nnot a key')
    const closed = await world.closed(await world.open('things', 'odd'))
    expect(closed.outcome).toBe('escalated')
    expect(closed.reason).toMatch(
      /^many-bad holds, but 1 affected item is left out: a target's key or lock must have 1 to 500 characters/,
    )
  })

  test('in a key, such as a lone surrogate, leaves the target out', async () => {
    await expect(world.open('halved', 'group-\u{1F600}')).rejects.toMatchObject({
      code: 'RUNBOOK_BAD_INPUT',
      message: expect.stringContaining('lone surrogates'),
    })
    await world.addThings('halves', '\u{1F600}')
    const closed = await world.closed(await world.open('halved', 'halves'))
    expect(closed.reason).toContain("a target's key or lock must have 1 to 500 characters")
  })

  test('of an unreachable engine database adds no event to the workflow for each retry', async () => {
    let refusals = 0
    const away = new Proxy(world.engine.database, {
      get(database, name) {
        if (name === 'connect' && refusals > 0) {
          refusals -= 1
          return () => Promise.reject(new Error('away'))
        }
        const value: unknown = Reflect.get(database, name)
        return typeof value === 'function' ? value.bind(database) : value
      },
    })
    await worker.stop()
    worker = await world.startWorker({ database: away })
    await world.addThings('outage')
    refusals = 6
    const incident = await world.open('things', 'outage')
    expect(await world.closed(incident)).toMatchObject({ outcome: 'cleared' })
    const types = await eventTypes(incident)
    expect(refusals).toBe(0)
    // The activity is tried three times as a local activity and then scheduled once. Retries of a scheduled activity add no events.
    expect(types.filter((type) => type === 'activityTaskScheduledEventAttributes')).toHaveLength(1)
    expect(types.length).toBeLessThan(20)
    await worker.stop()
    worker = await world.startWorker()
  })
})

test('the review is the same after Temporal has deleted the workflow', async () => {
  const { id } = forgotten.incident
  await eventually(
    'Temporal forgot it',
    async () => (await describeWorkflow(await incidentWorkflow(world.engine, id))) === 'gone',
  )
  const review = await reviewIncident(world.engine.database, id)
  // The list of similar incidents grows with those that the other tests open.
  const expected = { ...forgotten, recurrences: review.recurrences }
  expect(review).toEqual(expected)
  expect(await markdownOf(review)).toBe(await markdownOf(expected))
})
