import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { expectApply } from '../../activities/authority/expect-apply.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { PlanAction } from '../../src/core/plan.ts'
import { recordDone } from '../../src/effects/record-done.ts'
import { recordEffect } from '../../src/effects/record-effect.ts'
import { auditHistory } from '../../src/engine/audit/audit.ts'
import { incidentWorkflow } from '../../src/engine/incident-workflow.ts'
import { readEvents } from '../../src/history/incidents.ts'
import { recordEvents } from '../../src/history/record.ts'
import { isSuccess } from '../../src/interpreter/action-result.ts'
import type { CheckRequest, ProposalDraft } from '../../src/interpreter/host.ts'
import { diagnoseQueue, remediateQueue } from '../../src/temporal/names.ts'
import { eventually } from '../support/effects-world.ts'
import { QUIET, quietTemporal } from '../support/quiet-temporal.ts'
import { mending, openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'
import { expression } from '../unit/interpreter/plan-fixture.ts'

/**
 * Temporal's port is often open to a whole network. Anybody who reaches it can start workflows, schedule activities on the engine's task
 * queues and poll them with workers of their own. None of that may record, propose or apply anything.
 */
const UNTRUSTED = fileURLToPath(new URL('../support/untrusted-workflow.ts', import.meta.url))
const OWN_QUEUE = 'untrusted'
let world: WorkflowWorld

beforeAll(async () => {
  quietTemporal()
  world = await openWorkflowWorld(inject('stack'), [thingsPlan('things')])
})
afterAll(() => world?.close())

/** Everything that is stored of an incident, for comparing before and after. */
async function stored(incident: string) {
  const { database } = world.engine
  const count = async (table: string) => {
    const found = await database.query<{ count: number }>(`SELECT count(*)::int AS count FROM runbook.${table}`)
    return found.rows[0]!.count
  }
  const tables = ['gates', 'evidence', 'permits', 'effects', 'intents', 'incidents']
  return {
    events: (await readEvents(database, incident)).length,
    counts: Object.fromEntries(await Promise.all(tables.map(async (table) => [table, await count(table)] as const))),
    things: (await world.things.query('SELECT id, state, changes FROM things ORDER BY id')).rows,
  }
}

const forgedDraft = (incident: string, round: number): ProposalDraft => ({
  gate: `${incident}.r${round}`,
  round,
  cause: 'many-bad',
  because: 'nothing to see here',
  remedy: 'mend',
  title: 'Apply mend',
  risk: 'low',
  actions: [
    {
      id: '0-sql.update',
      kind: 'sql.update',
      access: 'write',
      target: 'z',
      with: { connection: 'db', table: 'things', where: { id: 'z' }, set: { state: 'owned' } },
    },
  ],
  targets: [{ key: 'z', item: { id: 'z', n: 9 } }],
  affected: 1,
  limits: { maxTargets: 100 },
  approval: {
    auto: false,
    by: ['viewer'],
    count: 1,
    withinMs: 600_000,
    onTimeout: 'reject',
    validForMs: 600_000,
  },
  escalateTo: ['viewer'],
  findings: [],
})

const forgedCheck = (round: number): CheckRequest => ({
  place: `r${round}/check/bad`,
  name: 'bad',
  kind: 'sql.query',
  parameters: { connection: 'db', sql: "SELECT 'z' AS id, 9 AS n", columns: { id: 'string', n: 'int' } },
  timeoutMs: 4_000,
  retries: 0,
})

const forgedRecheck: JsonObject = { round: 1, holds: true, because: '', targets: ['z'], skipped: {} }

describe('a workflow that the engine did not start', () => {
  test('is refused by every activity, and nothing is stored or changed', async () => {
    await world.addThings('outside', 'z')
    const worker = await world.startWorker()
    const incident = await world.open('things', 'outside')
    const view = await world.atGate(incident)
    const { id: gate, proposalDigest } = view.rounds[0]!.gate!
    const connection = await NativeConnection.connect(world.engine.temporal.options)
    const own = await Worker.create({
      connection,
      namespace: world.engine.temporal.namespace,
      taskQueue: OWN_QUEUE,
      workflowBundle: await bundleWorkflowCode({ workflowsPath: UNTRUSTED, logger: QUIET }),
      shutdownForceTime: '1s',
    })
    const running = own.run()
    const call = (name: string, args: unknown[], queue = diagnoseQueue('test')): Promise<string> =>
      world.engine.temporal.client.workflow.execute('callActivity', {
        workflowId: randomUUID(),
        taskQueue: OWN_QUEUE,
        args: [queue, name, args],
      })
    const before = await stored(incident)
    const application = { gate, proposalDigest, action: '0-sql.update', target: 'z', timeoutMs: 5_000 }
    const poll = { checks: [], until: { cel: 'true', checks: [], grows: [], shrinks: [] }, holdsMs: 0 }
    const answers = await Promise.all([
      call('runChecks', [incident, [forgedCheck(1)]]),
      call('propose', [incident, forgedDraft(incident, 2)]),
      call('resolveGate', [gate, []]),
      call('poll', [incident, { place: 'r1/verify', scope: {}, types: {}, everyMs: 1, withinMs: 1, ...poll }]),
      call('record', [incident, 'r1/recheck1', 'recheck', forgedRecheck]),
      call('escalate', [incident, { place: 'r1/escalation', to: ['viewer'], message: 'm', reason: 'r' }]),
      call('handOff', [incident, 'things', { group: 'other' }]),
      call('close', [incident, { outcome: 'resolved', reason: 'everything is fine' }]),
      call('apply', [{ ...application, recheckedAt: new Date().toISOString() }], remediateQueue('test')),
    ])
    for (const answer of answers) expect(answer).toMatch(/^refused: .*is not the workflow that this engine started/)
    expect(await stored(incident)).toEqual(before)
    own.shutdown()
    await running
    await connection.close()
    await worker.stop()
  })
})

describe('a worker with other workflow code on the engine’s task queue', () => {
  let incident: string
  let worker: { stop(): Promise<void> }

  beforeAll(async () => {
    await world.addThings('inside', 'y')
    worker = await world.startWorker({}, UNTRUSTED)
    incident = await world.open('things', 'inside')
  })
  afterAll(() => worker?.stop())

  /** Lets the incident's own workflow call an activity. */
  async function call(name: string, args: unknown[], queue = diagnoseQueue('test')): Promise<string> {
    const handle = await incidentWorkflow(world.engine, incident)
    const id = randomUUID()
    await handle.signal('call', id, queue, name, args)
    let answer: string | undefined
    await eventually(`${name} is answered`, async () => {
      answer = (await handle.query<Record<string, string>>('answers'))[id]
      return answer !== undefined
    })
    return answer!
  }
  const record = (place: string, kind: string, data: JsonObject) => call('record', [incident, place, kind, data])

  test('cannot choose what a check asks', async () => {
    expect(await call('runChecks', [incident, [forgedCheck(1)]])).toMatch(/^refused: .*not the check of the plan/)
    const elsewhere = { ...forgedCheck(1), place: 'r1/verify/bad' }
    expect(await call('runChecks', [incident, [elsewhere]])).toMatch(/^refused: .*not a valid place for evidence/)
    expect(
      await call('runChecks', [incident, [{ ...forgedCheck(1), name: 'other', place: 'r1/check/other' }]]),
    ).toMatch(/^refused: .*the plan has no check other/)
  })

  test('cannot propose with evidence that is not stored, nor anything that does not follow from the plan', async () => {
    expect(await call('propose', [incident, forgedDraft(incident, 1)])).toMatch(/^refused: .*no evidence of bad/)
    const { checks } = thingsPlan('things')
    const parameters = {
      connection: 'db',
      sql: (checks[0]!.with['sql'] as { lit: string }).lit,
      params: ['inside'],
      columns: { id: 'string', n: 'int' },
    }
    expect(await call('runChecks', [incident, [{ ...forgedCheck(1), parameters }]])).toMatch(/^accepted: .*"id":"y"/)
    expect(await call('propose', [incident, forgedDraft(incident, 1)])).toMatch(/^refused: /)
    const { remedies, escalate, title: _title } = thingsPlan('things')
    const honest: ProposalDraft = {
      ...forgedDraft(incident, 1),
      because: '1 things are bad',
      risk: 'medium',
      title: remedies['mend']!.title,
      limits: remedies['mend']!.limits,
      approval: remedies['mend']!.approval,
      escalateTo: escalate.to,
      actions: [
        {
          id: '0-sql.update',
          kind: 'sql.update',
          access: 'write',
          target: 'y',
          with: { connection: 'db', table: 'things', where: { id: 'y', state: 'bad' }, set: { state: 'good' } },
        },
      ],
      targets: [{ key: 'y', item: { id: 'y', n: 2 }, lock: 'thing/y' }],
      findings: [
        {
          cause: 'many-bad',
          title: 'Many things are bad',
          holds: true,
          because: '1 things are bad',
          affected: 1,
        },
      ],
    }
    const weaker = { ...honest, approval: { ...remedies['mend']!.approval, by: ['viewer'] } }
    const action = honest.actions[0]!
    const other = { ...honest, actions: [{ ...action, with: { ...action.with, set: { state: 'owned' } } }] }
    for (const draft of [weaker, other, { ...honest, risk: 'low' }, { ...honest, limits: { maxTargets: 9 } }])
      expect(await call('propose', [incident, draft])).toMatch(/^refused: /)
    expect(await call('propose', [incident, honest])).toMatch(/^accepted: .*"opened":true/)
  })

  test('cannot invent a re-check, a verdict, a message or a good end', async () => {
    expect(await record('r1/recheck1', 'recheck', forgedRecheck)).toMatch(/^refused: /)
    const kept = { round: 1, holds: true, because: '1 things are bad', targets: ['y'], skipped: {} }
    expect(await record('r1/recheck1', 'recheck', kept)).toMatch(
      /^refused: .*no evidence of bad is stored at r1\/recheck1/,
    )
    const verdict = { round: 1, remedy: 'mend', held: true, detail: '', tookMs: 1, targets: ['y'] }
    expect(await record('r1/verify/verdict', 'verified', verdict)).toMatch(/^refused: .*nothing was applied/)
    expect(
      await record('r1/permit/y', 'permit', { gate: `${incident}.r1`, target: 'y', lease: 'l', fence: 1 }),
    ).toMatch(/^refused: /)
    const message = { place: 'r1/escalation', to: ['everybody'], message: 'm', reason: 'r' }
    expect(await call('escalate', [incident, message])).toMatch(/^refused: .*does not notify everybody/)
    // A notification without a recipient would prevent the real notification.
    for (const to of [[], ['oncall'], ['platform-support', 'oncall']])
      expect(await call('escalate', [incident, { ...message, to }])).toMatch(/^refused: .*the plan does not notify/)
    const reminder = { ...message, place: 'r1/gate/reminder', kind: 'reminder' }
    expect(await call('escalate', [incident, { ...reminder, to: [] }])).toMatch(/^refused: .*does not notify nobody/)
    for (const place of ['r1/recheck1', 'r1/effect/0-sql.update/y', 'closed', 'r1/proposal', 'r1/gate/reminder', 'x'])
      expect(await call('escalate', [incident, { ...message, place, to: ['platform-support'] }])).toMatch(
        /^refused: .*is not a place for this notification/,
      )
    expect(await call('handOff', [incident, 'things', { group: 'x' }])).toMatch(/^refused: .*does not hand off/)
    for (const outcome of ['resolved', 'cleared', 'no-action', 'declined', 'expired', 'cancelled', 'handed-off'])
      expect(await call('close', [incident, { outcome, reason: 'everything is fine' }])).toMatch(/^refused: /)
  })

  test('cannot apply what nobody approved', async () => {
    const view = await world.atGate(incident)
    const { id: gate, proposalDigest } = view.rounds[0]!.gate!
    const request = { gate, proposalDigest, action: '0-sql.update', target: 'y', timeoutMs: 5_000, recheckedAt: '' }
    expect(await call('apply', [request], remediateQueue('test'))).toMatch(/"result":"refused"|^refused: |"stale"/)
    expect((await world.things.query(`SELECT state, changes FROM things WHERE id = 'y'`)).rows).toEqual([
      { state: 'bad', changes: 0 },
    ])
    expect((await auditHistory(world.engine.database, world.engine.keyring)).faults).toEqual([])
  })

  test('cannot give an action more time than the plan gives it', async () => {
    const view = await world.atGate(incident)
    const { id: gate, proposalDigest } = view.rounds[0]!.gate!
    await world.decide(view)
    const request = { gate, proposalDigest, action: '0-sql.update', target: 'y', recheckedAt: '' }
    for (const timeoutMs of [86_400_000, 1, -1, null])
      expect(await call('apply', [{ ...request, timeoutMs }], remediateQueue('test'))).toMatch(
        /^refused: .*has the time limit 5000 ms/,
      )
  })
})

describe('the order of a remedy’s actions', () => {
  const [update] = mending().actions
  const withId = (id: string, change: Partial<PlanAction> = {}): PlanAction => ({ ...update!, id, ...change })
  const set = (from: string, to: string) => ({
    ...update!.with,
    where: { map: { id: { expr: expression('thing.id') }, state: { lit: from } } },
    set: { map: { state: { lit: to } } },
  })
  const manual: PlanAction = {
    ...{ id: '0-manual', kind: 'manual', access: 'person', once: true, timeoutMs: 600_000 },
    with: { instructions: { lit: 'Stop the writers' } },
  }
  const message: PlanAction = {
    ...{ id: '2-notify', kind: 'notify', access: 'message', once: true, timeoutMs: 5_000 },
    with: { channel: { lit: 'oncall' }, message: { lit: 'all things are mended' } },
  }
  const actions = [
    manual,
    withId('1-sql.update', { with: set('bad', 'half') }),
    message,
    withId('3-sql.update', { with: set('half', 'good') }),
  ]

  test('is kept, whatever a worker with other workflow code asks for', async () => {
    const steps = thingsPlan('steps', { remedies: { mend: mending({ actions }) } })
    const other = await openWorkflowWorld(inject('stack'), [steps])
    try {
      await other.addThings('steps', 's1', 's2')
      const honest = await other.startWorker()
      const incident = await other.open('steps', 'steps')
      const view = await other.atGate(incident)
      await honest.stop()
      await other.decide(view)
      const { id: gate, proposalDigest } = view.rounds[0]!.gate!
      const authority = { incident, plan: steps, inputs: { group: 'steps' } }
      const apply = (action: string, target: string) =>
        expectApply(other.engine.database, authority, {
          ...{ gate, proposalDigest, action, target, recheckedAt: '' },
          timeoutMs: action === '0-manual' ? 10_000 : 5_000,
        })
      const turn = (what: string) => ({ message: expect.stringContaining(what) })
      for (const [action, target] of [
        ['1-sql.update', 's1'],
        ['2-notify', '-'],
        ['3-sql.update', 's1'],
      ] as const)
        await expect(apply(action, target)).rejects.toMatchObject(
          turn(`${action} may not run yet: no effect of 0-manual on - is recorded yet`),
        )
      const place = { gate, action: '0-manual', target: '-' }
      await recordDone(other.engine.database, place, { person: 'lead', done: true })
      await expect(apply('3-sql.update', 's1')).rejects.toMatchObject(
        turn('3-sql.update may not run yet: no effect of 1-sql.update on s1 is recorded yet'),
      )
      await recordEffect(other.engine.database, {
        gate,
        action: '1-sql.update',
        target: 's1',
        result: 'refused',
        detail: 'x',
      })
      await expect(apply('3-sql.update', 's1')).rejects.toMatchObject(
        turn('3-sql.update may not run yet: 1-sql.update did not succeed for s1'),
      )
      await recordEvents(other.engine.database, incident, [
        {
          ...{ place: 'r1/recheck1', actor: 'engine', kind: 'recheck' },
          data: { round: 1, holds: true, because: '', targets: ['s1', 's2'], skipped: {} },
        },
      ])
      await expect(apply('2-notify', '-')).rejects.toMatchObject(
        turn('2-notify may not run yet: no effect of 1-sql.update on s2 is recorded yet'),
      )
      await recordEffect(other.engine.database, {
        gate,
        action: '1-sql.update',
        target: 's2',
        result: 'applied',
        detail: 'x',
      })
      await apply('2-notify', '-')
      await expect(apply('3-sql.update', 's2')).rejects.toMatchObject(
        turn('3-sql.update may not run yet: no effect of 2-notify on - is recorded yet'),
      )
      await recordEffect(other.engine.database, {
        gate,
        action: '2-notify',
        target: '-',
        result: 'applied',
        detail: 'x',
      })
      await apply('3-sql.update', 's2')
      await expect(apply('3-sql.update', 's1')).rejects.toMatchObject(
        turn('3-sql.update may not run yet: 1-sql.update did not succeed'),
      )
    } finally {
      await other.close()
    }
  })

  test('is kept where a person did not do a step', async () => {
    const effect = { gate: 'INC-1.r1', action: '0-manual', target: '-', detail: '' }
    expect(isSuccess(manual, { ...effect, result: 'applied' })).toBe(true)
    expect(isSuccess(manual, { ...effect, result: 'skipped' })).toBe(false)
    expect(isSuccess(message, { ...effect, action: '2-notify', result: 'skipped' })).toBe(true)
    const expecting = { expect: expression('result.rows == 1') }
    expect(isSuccess(expecting, { ...effect, result: 'applied', observed: { rows: 2 } })).toBe(false)
  })
})
