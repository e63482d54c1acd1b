import { expect, test } from 'vitest'
import { neededGrants } from '../../../src/core/needed-grants.ts'
import { plan, remedy } from '../interpreter/plan-fixture.ts'
import type { PlanAction, Value } from '../../../src/core/plan.ts'

function update(table: string, where: Value, set: Value, connection = 'db'): PlanAction {
  const given = { connection: { lit: connection }, table: { lit: table }, where, set }
  return { id: '0-sql.update', kind: 'sql.update', access: 'write', with: given, once: false, timeoutMs: 1 }
}

test('the grants for updates are listed by table, for all plans together, and nothing else', () => {
  const one = remedy('one', {
    actions: [update('runs', { lit: { id: '1', status: 'x' } }, { map: { status: { lit: 'y' } } })],
  })
  const two = remedy('two', {
    actions: [
      update('runs', { map: { attempt: { lit: 1 } } }, { lit: { reason: 'z' } }),
      update('steps', { lit: { id: 1 } }, { lit: { state: 'z' } }),
      update('secrets', { lit: { id: 1 } }, { lit: { value: 'z' } }, 'other'),
    ],
  })
  const plans = [plan({ remedies: { one } }), plan({ remedies: { two } })]
  expect(neededGrants(plans, 'db')).toEqual([
    { table: 'runs', update: ['reason', 'status'], select: ['attempt', 'id', 'reason', 'status'] },
    { table: 'steps', update: ['state'], select: ['id', 'state'] },
  ])
  expect(neededGrants(plans, 'nothing')).toEqual([])
})

test('sql.execute needs the rights that the runbook declares for its tables', () => {
  const tables: Value = { lit: { runs: ['select'], outbox: ['insert', 'select'] } }
  const action: PlanAction = {
    id: '0-sql.execute',
    kind: 'sql.execute',
    access: 'write',
    with: { connection: { lit: 'db' }, tables },
    once: false,
    timeoutMs: 1,
  }
  const mend = remedy('mend', { actions: [action, update('runs', { lit: { id: '1' } }, { lit: { status: 'x' } })] })
  expect(neededGrants([plan({ remedies: { mend } })], 'db')).toEqual([
    { table: 'runs', update: ['status'], select: ['id', 'status'], whole: ['SELECT'] },
    { table: 'outbox', update: [], select: [], whole: ['INSERT', 'SELECT'] },
  ])
})
