import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { PlanRemedy } from '../../src/core/plan.ts'
import { cancelIncident } from '../../src/engine/incident-actions.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { scenarioFrom } from '../../src/engine/scenario-from-review.ts'
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
const cause = (name: string) => ({ ...thingsPlan('x').causes[0]!, cause: name })
const [action] = mending().actions
/** A remedy that changes the things but leaves them bad. */
const useless = mending({
  actions: [{ ...action!, with: { ...action!.with, set: { map: { n: { lit: 3 } } } } }],
  verify: { ...mending().verify, withinMs: 500 },
})
const PLANS = [
  thingsPlan('things'),
  thingsPlan('impatient', { remedies: { mend: mending({ approval }) } }),
  thingsPlan('other-cause', { causes: [cause('first'), cause('second')] }),
  thingsPlan('useless', { remedies: { mend: useless } }),
  thingsPlan('broken', { checks: [thingsCheck('bad', `SELECT id, 1/(n - 2) AS n FROM things WHERE grp = $1`)] }),
]
let world: WorkflowWorld

beforeAll(async () => {
  quietTemporal()
  world = await openWorkflowWorld(inject('stack'), PLANS)
  await world.startWorker()
  // The database refuses to mend a thing with n = 13.
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
])(
  'the scenario of a real incident that %s has the same result as the incident',
  async (name, type, ids, decide, outcome) => {
    const group = name.replaceAll(' ', '-')
    await world.addThings(group, ...ids.map((id) => `${group}/${id}`))
    await world.things.query(`UPDATE things SET n = 13 WHERE id LIKE '%/never'`)
    const incident = await world.open(type, group)
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
