import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { PlanAction, PlanRemedy } from '../../src/core/plan.ts'
import { finishManual } from '../../src/engine/finish-manual.ts'
import { withdrawDecision } from '../../src/engine/withdraw-decision.ts'
import { FREEZE, switchControl } from '../../src/gate/controls.ts'
import { transaction } from '../../src/history/database.ts'
import { expression } from '../unit/interpreter/plan-fixture.ts'
import { cancelIncident } from '../../src/engine/incident-actions.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { scenarioFrom } from '../../src/engine/scenarios/scenario-from-review.ts'
import type { IncidentView } from '../../src/engine/views/view-types.ts'
import { runScenario } from '../../src/interpreter/scenarios/run-scenario.ts'
import { renderText } from '../../src/language/problems.ts'
import { compileScenarios } from '../../src/language/scenarios/compile-scenarios.ts'
import { mending, openWorkflowWorld, thingsCheck, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'
import { quietTemporal } from '../support/quiet-temporal.ts'

const approval: PlanRemedy['approval'] = {
  auto: false,
  by: ['oncall'],
  count: 1,
  withinMs: 300,
  onTimeout: 'reject',
  validForMs: 60_000,
}
const cause = (name: string) => ({ ...thingsPlan('x').causes[0]!, name })
const [action] = mending().actions
/** A remedy that changes the things but leaves them bad. */
const useless = mending({
  actions: [{ ...action!, with: { ...action!.with, set: { map: { n: { lit: 3 } } } } }],
  verify: { ...mending().verify, withinMs: 500 },
})
const until = expression('targets.all(t, !after.rows.exists(r, r.id == t.id))', ['after'])
/** The check of the wait has the name of the check of \`verify\`, and finds other rows: those that are not good yet. */
const waiting = mending({
  actions: [
    {
      ...action!,
      with: { ...action!.with, set: { map: { n: { lit: 3 } } } },
      wait: {
        checks: [thingsCheck('after', `SELECT id, n FROM things WHERE grp = $1 AND n <> 3`)],
        until,
        everyMs: 100,
        withinMs: 5_000,
      },
    },
    {
      ...action!,
      id: '1-sql.update',
      with: { ...action!.with, where: { map: { id: { expr: expression('thing.id') } } } },
    },
  ],
})
const neverReady = {
  ...waiting.actions[0]!,
  wait: { ...waiting.actions[0]!.wait!, until: expression('false'), withinMs: 300 },
}
const byHand: PlanAction = {
  id: '0-manual',
  kind: 'manual',
  access: 'person',
  with: { instructions: { lit: 'Restart the pods' }, form: { map: { pods: { lit: 'How many?' } } } },
  once: true,
  timeoutMs: 600_000,
}
const secondByHand = { ...byHand, id: '1-manual', expect: expression("result.person == 'lead'") }
const withActions = (...actions: PlanAction[]) => ({ remedies: { mend: mending({ actions }) } })
/** Its two remedies have checks of the same name with different columns. */
const twoRemedies = thingsPlan('two-remedies', {
  causes: [cause('first'), { ...cause('second'), then: { remedy: 'finish' } }],
  remedies: {
    mend: useless,
    finish: {
      ...mending({
        verify: {
          ...mending().verify,
          checks: [
            {
              ...thingsCheck('after', `SELECT id FROM things WHERE grp = $1 AND state = 'bad'`),
              with: {
                ...thingsCheck('after').with,
                sql: { lit: `SELECT id FROM things WHERE grp = $1 AND state = 'bad'` },
                columns: { lit: { id: 'string' } },
              },
              result: { object: { rows: { list: { object: { id: 'string' } } }, truncated: 'bool' } },
            },
          ],
        },
      }),
      name: 'finish',
    },
  },
})
const patient = thingsPlan('patient', {
  causes: [{ ...cause('many'), affects: expression('bad.rows.filter(r, r.n > 2)', ['bad']) }],
  rounds: { ineffective: 3, total: 10, again: { times: 2, everyMs: 200 } },
})
const PLANS = [
  thingsPlan('things'),
  thingsPlan('impatient', { remedies: { mend: mending({ approval }) } }),
  thingsPlan('useless', { remedies: { mend: useless } }),
  thingsPlan('broken', { checks: [thingsCheck('bad', `SELECT id, 1/(n - 2) AS n FROM things WHERE grp = $1`)] }),
  thingsPlan('waiting', { remedies: { mend: waiting } }),
  thingsPlan('never-ready', { rounds: { ineffective: 1, total: 3 }, ...withActions(neverReady, waiting.actions[1]!) }),
  twoRemedies,
  patient,
  thingsPlan('by-hand', withActions(byHand, secondByHand, { ...action!, id: '2-sql.update' })),
  thingsPlan('too-late', { rounds: { ineffective: 1, total: 3 }, ...withActions({ ...byHand, timeoutMs: 400 }) }),
]
let world: WorkflowWorld

beforeAll(async () => {
  quietTemporal()
  world = await openWorkflowWorld(inject('stack'), PLANS)
  await world.startWorker()
  // The database refuses to repair a thing with n = 13.
  await world.things.query(`ALTER TABLE things ADD CHECK (n <> 13 OR state = 'bad')`)
})

afterAll(() => world?.close())

const approve = (view: IncidentView) => world.decide(view)
const nothing = async () => {}

test.each<[string, string, string[], (view: IncidentView) => Promise<void>, string]>([
  ['was resolved', 'things', ['a', 'b'], approve, 'resolved'],
  ['was resolved in two rounds', 'things', ['a', 'b'], (view) => inTwoRounds(view), 'resolved'],
  ['was declined', 'things', ['a'], (view) => world.decide(view, 'lead', { decision: 'reject' }), 'declined'],
  ['nobody answered', 'impatient', ['a'], nothing, 'expired'],
  [
    'was cancelled',
    'things',
    ['a'],
    (view) => cancelIncident(world.engine, world.engine.people.lead!, view.id),
    'cancelled',
  ],
  ['did not get better', 'useless', ['a'], approve, 'escalated'],
  ['partly cleared by itself', 'things', ['a', 'b'], (view) => heal(view, 'a'), 'resolved'],
  ['cleared by itself', 'things', ['a'], (view) => heal(view, 'a'), 'cleared'],
  ['never had a symptom', 'things', [], nothing, 'cleared'],
  ['had a failed check', 'broken', ['a'], nothing, 'escalated'],
  ['was refused by the database', 'things', ['never'], (view) => approveOnce(view), 'declined'],
  ['waited after an action', 'waiting', ['a', 'b'], approve, 'resolved'],
  ['waited until the time was up', 'never-ready', ['a'], approve, 'escalated'],
  ['needed two remedies', 'two-remedies', ['a'], (view) => twice(view), 'resolved'],
  ['looked again and found a cause', 'patient', ['a'], (view) => approve(view), 'resolved'],
  ['looked again and found none', 'patient', ['a'], nothing, 'escalated'],
  ['had manual steps', 'by-hand', ['a'], (view) => answerBoth(view, true), 'resolved'],
  ['had a manual step that was not done', 'by-hand', ['a'], (view) => answerBoth(view, false), 'escalated'],
  ['had a manual step that nobody did', 'too-late', ['a'], approve, 'escalated'],
  ['had its approval withdrawn', 'things', ['a'], (view) => withdrawThenReject(view), 'declined'],
])(
  'the scenario of a real incident that %s has the same result as the incident',
  async (name, type, ids, decide, outcome) => {
    const group = name.replaceAll(' ', '-')
    await world.addThings(group, ...ids.map((id) => `${group}/${id}`))
    await world.things.query(`UPDATE things SET n = 13 WHERE id LIKE '%/never'`)
    const incident = await world.open(type, group)
    if (name.includes('and found a cause')) await growWorse(incident, group)
    if (decide !== nothing) await decide(await world.atGate(incident))
    expect(await world.closed(incident)).toMatchObject({ outcome })

    const text = scenarioFrom(await reviewIncident(world.engine.database, incident))
    const plan = PLANS.find((one) => one.name === type)!
    const { scenarios, problems } = compileScenarios(text, `${type}.test.yaml`, plan)
    expect(renderText(problems), text).toBe('')
    expect(scenarios).toHaveLength(1)
    const { mismatches, run } = await runScenario(plan, scenarios[0]!)
    expect(mismatches, text).toEqual([])
    expect(run.closing.outcome).toBe(outcome)
  },
)

/** The cause begins to hold while the incident waits before its checks run again. */
async function growWorse(incident: string, group: string): Promise<void> {
  await world.until(incident, 'looks again', ({ rounds }) => rounds[0] !== undefined && rounds[0].checks.length > 0)
  await world.things.query('UPDATE things SET n = 3 WHERE grp = $1', [group])
}

async function twice(view: IncidentView): Promise<void> {
  await approve(view)
  await approve(await world.until(view.id, 'is in round 2', (now) => now.rounds[1]?.gate?.state === 'open'))
}

/** Reports both steps as done, or only the first. */
async function answerBoth(view: IncidentView, both: boolean): Promise<void> {
  await approve(view)
  for (const step of ['0-manual', '1-manual']) {
    await world.until(view.id, `waits for ${step}`, (now) => now.manualSteps.some(({ action: id }) => id === step))
    const done = both || step === '0-manual'
    const answer = done ? { done, form: { pods: '2' } } : { done }
    await finishManual(world.engine, world.engine.people.lead!, view.id, answer)
  }
}

/** A freeze keeps the approval from being used until it is withdrawn. */
async function withdrawThenReject(view: IncidentView): Promise<void> {
  const lead = world.engine.people.lead!
  await freeze(true)
  await approve(view)
  await world.until(view.id, 'is approved', (now) => now.rounds[0]?.gate?.state === 'approved')
  await withdrawDecision(world.engine, lead, { gate: view.rounds[0]!.gate!.id })
  await freeze(false)
  const again = await world.until(view.id, 'is in round 2', (now) => now.rounds[1]?.gate?.state === 'open')
  await world.decide(again, 'lead', { decision: 'reject' })
}

function freeze(on: boolean): Promise<boolean> {
  const change = { control: FREEZE, on, person: 'lead', reason: 'failover' }
  return transaction(world.engine.database, (connection) => switchControl(connection, change))
}

async function inTwoRounds(view: IncidentView): Promise<void> {
  await world.decide(view, 'lead', { targets: [view.rounds[0]!.targets[1]!.key] })
  await approve(await world.until(view.id, 'is in round 2', (now) => now.rounds[1]?.gate?.state === 'open'))
}

async function approveOnce(view: IncidentView): Promise<void> {
  await approve(view)
  const again = await world.until(view.id, 'is in round 2', (now) => now.rounds[1]?.gate?.state === 'open')
  await world.decide(again, 'lead', { decision: 'reject' })
}

/** Sets the thing to good without the engine and then approves the gate, so that the re-check finds nothing to repair. */
async function heal(view: IncidentView, id: string): Promise<void> {
  await world.things.query(`UPDATE things SET state = 'good' WHERE id LIKE '%-by-itself/' || $1`, [id])
  await approve(view)
}
