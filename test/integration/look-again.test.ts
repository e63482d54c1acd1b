import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { cancelIncident } from '../../src/engine/incident-actions.ts'
import { wakeIncident } from '../../src/engine/incident-workflow.ts'
import { reviewMarkdown } from '../../src/engine/views/review-markdown.ts'
import { openReview, reviewIncident } from '../../src/engine/views/review.ts'
import { expression } from '../unit/interpreter/plan-fixture.ts'
import { openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'
import { installRuntime } from '../../src/temporal/worker.ts'

let world: WorkflowWorld

/** A plan whose cause concerns only things with a number above 2. */
const plan = (name: string, everyMs: number) =>
  thingsPlan(name, {
    causes: [{ ...thingsPlan(name).causes[0]!, affects: expression('bad.rows.filter(r, r.n > 2)', ['bad']) }],
    rounds: { ineffective: 3, total: 10, again: { times: 2, everyMs } },
  })

beforeAll(async () => {
  installRuntime('ERROR')
  world = await openWorkflowWorld(inject('stack'), [plan('patient', 600_000), plan('quick', 200)])
  await world.startWorker()
})
afterAll(() => world?.close())

const lookingAgain = (id: string) =>
  world.until(id, 'looks again', ({ rounds }) => rounds[0] !== undefined && rounds[0].checks.length > 0)

describe('an incident without a known cause', () => {
  test('looks again, and what it finds then is proposed and approved', async () => {
    await world.addThings('late', 'l1')
    const id = await world.open('patient', 'late')
    await lookingAgain(id)
    await world.things.query(`UPDATE things SET n = 3 WHERE grp = 'late'`)
    await wakeIncident(world.engine, id)
    const waiting = await world.atGate(id)
    expect(waiting.rounds).toMatchObject([{ looks: 2, gate: { proposal: { targets: [{ key: 'l1' }] } } }])
    await world.decide(waiting)
    expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
  })

  test('is escalated after its last look, and the review says how often it looked', async () => {
    await world.addThings('never', 'n1')
    const id = await world.open('quick', 'never')
    const closed = await world.closed(id)
    expect(closed).toMatchObject({
      outcome: 'escalated',
      reason: expect.stringContaining('also after the checks ran again 2 times'),
      rounds: [{ looks: 3, checks: [{ name: 'bad' }] }],
    })
    const { timeline } = await reviewIncident(world.engine.database, id)
    expect(timeline.filter(({ kind }) => kind === 'again').map(({ text }) => text)).toEqual([
      'no known cause holds: the checks run again in 200ms, before the incident is escalated',
      'no known cause holds: the checks run again in 200ms, before the incident is escalated',
    ])
    let text = ''
    for await (const piece of reviewMarkdown(await openReview(world.engine.database, id))) text += piece
    expect(text).toContain('**The checks ran again** 2 times')
  })

  test('that is cancelled meanwhile ends at once', async () => {
    await world.addThings('cancelled', 'c1')
    const id = await world.open('patient', 'cancelled')
    await lookingAgain(id)
    await cancelIncident(world.engine, world.engine.people.operator!, id)
    expect(await world.closed(id)).toMatchObject({ outcome: 'cancelled' })
  })
})
