import { expect, test } from 'vitest'
import type { JsonObject } from '../../../src/core/json.ts'
import type { PlanRemedy } from '../../../src/core/plan.ts'
import type { ActionPreview, ProposedAction } from '../../../src/core/proposal.ts'
import { undoPlan, type AppliedAction } from '../../../src/engine/undo-plan.ts'
import { evaluateCauses } from '../../../src/interpreter/find.ts'
import { renderRemedy } from '../../../src/interpreter/render.ts'
import { scopeOf } from '../../../src/interpreter/scope.ts'
import { plan, remedy } from '../interpreter/plan-fixture.ts'

const original = plan({ title: 'Things are bad' })

function applied(
  kind: string,
  given: JsonObject,
  preview: Partial<ActionPreview> = {},
  of: PlanRemedy = remedy('mend'),
): AppliedAction {
  const action: ProposedAction = {
    id: `0-${kind}`,
    kind,
    access: 'write',
    target: 'a',
    with: given,
    preview: { summary: '', ...preview },
  }
  return { action, remedy: of, lease: 'thing/a' }
}

const update = (before: JsonObject, change: JsonObject = {}, preview: Partial<ActionPreview> = {}) =>
  applied(
    'sql.update',
    {
      connection: 'db',
      table: 'things',
      where: { id: 'a', state: 'bad' },
      set: { state: 'good', why: 'x' },
      ...change,
    },
    { count: 1, rows: [{ before, after: {} }], exact: ['state', 'why'], ...preview },
  )

const undo = (...effects: AppliedAction[]) => undoPlan('INC-7', original, effects)

test('an update is undone: guarded by the values that it wrote, back to the previous ones', () => {
  const { plan: made, notUndone } = undo(update({ id: 'a', state: 'bad', why: null }))
  expect(notUndone).toEqual([])
  expect(made!.remedies.undo!.actions).toEqual([
    {
      id: '0-sql.update',
      kind: 'sql.update',
      access: 'write',
      with: {
        connection: { lit: 'db' },
        table: { lit: 'things' },
        where: { lit: { id: 'a', state: 'good', why: 'x' } },
        set: { lit: { state: 'bad', why: null } },
        rows: { lit: 1 },
      },
      target: 'a',
      once: false,
      timeoutMs: 10_000,
    },
  ])
  expect(made!.remedies.undo!.approval).toEqual(remedy('mend').approval)
})

test('the undo has the targets of the effects with their leases, and each action belongs to its target', () => {
  const onB = update({ state: 'bad', why: null }, { where: { id: 'b', state: 'bad' } })
  const { plan: made } = undo(
    update({ state: 'bad', why: null }),
    { ...onB, action: { ...onB.action, target: 'b' }, lease: 'thing/b' },
    { ...applied('bullmq.quarantine', { connection: 'queue', id: 'job-1' }), lease: 'things/mend/a' },
    { ...onB, action: { ...onB.action, target: '-' }, lease: 'x'.repeat(600) },
  )
  const scope = scopeOf(made!, {})
  const [evaluated] = evaluateCauses(made!, scope)
  const remedyOfUndo = made!.remedies['undo']!
  const { targets, dropped, once } = renderRemedy(remedyOfUndo, evaluated!, scope)
  expect({ dropped, once, most: remedyOfUndo.limits.maxTargets }).toEqual({ dropped: [], once: [], most: 3 })
  expect(targets.map(({ target, actions }) => [target.key, target.lock, actions.map(({ id }) => id)])).toEqual([
    ['all targets', 'all targets', ['0-sql.update']],
    ['a', 'things/mend/a', ['1-bullmq.retry', '3-sql.update']],
    ['b', 'thing/b', ['2-sql.update']],
  ])
  expect(targets[2]!.actions[0]!.with['where']).toMatchObject({ id: 'b' })
})

test('the last effect is undone first; effects that the engine cannot undo are reported, messages are ignored', () => {
  const { plan: made, notUndone } = undo(
    update({ id: 'a', state: 'bad', why: 'y' }),
    applied('process.run', { connection: 'ctl', command: 'restart' }),
    applied('notify', { channel: 'platform', message: 'hello' }),
    applied('bullmq.quarantine', { connection: 'queue', id: 'job-1' }),
  )
  expect(made!.remedies.undo!.actions.map(({ id }) => id)).toEqual(['0-bullmq.retry', '1-sql.update'])
  expect(notUndone).toEqual(['0-process.run on a: only a person can undo it'])
  expect(made!.remedies.undo!.title).toContain('(2 of 3 effects)')
  expect(made!.causes[0]!.because).toEqual({ lit: expect.stringContaining('not undone: 0-process.run on a') })
})

test('sql.execute is undone by the undo statement of the runbook', () => {
  const given = { connection: 'db', sql: 'UPDATE a', params: ['x'], preview: 'SELECT 1', tables: { a: ['update'] } }
  expect(undo(applied('sql.execute', { ...given, undo: 'UPDATE b' })).plan!.remedies.undo!.actions[0]!.with).toEqual({
    connection: { lit: 'db' },
    sql: { lit: 'UPDATE b' },
    params: { lit: ['x'] },
    tables: { lit: { a: ['update'] } },
  })
  expect(undo(applied('sql.execute', given)).notUndone).toEqual([expect.stringContaining('no undo statement for it')])
})

test('what an earlier undo did is not proposed again, once for each time that it was done; an update is, because of its guard', () => {
  const retry = { kind: 'bullmq.retry', target: 'a', with: { connection: 'queue', id: 'job-1' } }
  const updated = update({ state: 'bad', why: null })
  const quarantined = applied('bullmq.quarantine', { connection: 'queue', id: 'job-1' })
  const back = undo(updated).plan!.remedies['undo']!.actions[0]!
  const values = Object.entries(back.with).map(([name, value]) => [name, 'lit' in value ? value.lit : null])
  const known = [
    { incident: 'INC-8', action: retry, isKnown: true },
    { incident: 'INC-8', action: { ...back, target: 'a', with: Object.fromEntries(values) }, isKnown: true },
  ]
  const effects = [updated, quarantined, quarantined]
  const { plan: made, notUndone } = undoPlan('INC-7', original, effects, known)
  expect(made!.remedies['undo']!.actions.map(({ kind }) => kind)).toEqual(['bullmq.retry', 'sql.update'])
  expect(notUndone).toEqual(['0-bullmq.quarantine on a: INC-8 has undone it'])
  const unknown = [{ incident: 'INC-8', action: retry, isKnown: false }]
  expect(undoPlan('INC-7', original, [quarantined], unknown).notUndone).toEqual([
    '0-bullmq.quarantine on a: INC-8 may have undone it: settle that effect first with "runbook settle INC-8"',
  ])
})

test.each([
  ['the preview did not read all of the changed rows', update({ state: 'bad', why: 'y' }, {}, { count: 2 })],
  ['the preview did not read all of the changed rows', update({ state: 'bad', why: 'y' }, { rows: 2 }, { count: 2 })],
  [
    'the preview did not read all of the changed rows',
    applied('sql.update', { where: { id: 'a' }, set: { state: 'good' } }),
  ],
  ['the exact previous value of', update({ state: 'bad', why: '***' }, {}, { exact: ['state'] })],
  ['the exact previous value of', update({ state: 'bad', why: 'x' }, {}, { exact: undefined as never })],
  [
    'had different values before',
    update({}, { rows: 2 }, { count: 2, rows: [1, 2].map((why) => ({ before: { state: 'bad', why }, after: {} })) }),
  ],
])('an update is not undone: %s', (why, effect) => {
  expect(undo(effect)).toEqual({ notUndone: [expect.stringContaining(why)] })
})

test('undo needs two people where the remedy needed two, and one where it needed none', () => {
  const before = { state: 'bad', why: 'y' }
  const approval = { ...remedy('mend').approval, count: 2 } as PlanRemedy['approval']
  const two = { ...update(before), remedy: remedy('two', { risk: 'high', approval }) }
  const none = { ...update(before), remedy: remedy('none', { risk: 'low', approval: { auto: true } }) }
  expect(undo(none, two).plan!.remedies.undo).toMatchObject({ risk: 'high', approval: { count: 2 } })
  expect(undo(none).plan!.remedies.undo).toMatchObject({
    risk: 'low',
    approval: { auto: false, by: original.escalate.to, count: 1 },
  })
})
