import { expect, test } from 'vitest'
import type { Grant } from '../../../../src/core/access.ts'
import { checkGrants } from '../../../../src/engine/setup/doctor-access.ts'
import { plan } from '../../interpreter/plan-fixture.ts'

const catalogue = { runbooks: [{ plan: plan() }] } as never
const admin: Grant = { role: 'admin', people: [], groups: ['platform'] }
const check = (...access: Grant[]) => checkGrants({ access }, catalogue)

test('grants that are for a loaded runbook are no problem; without the section nothing is reported', () => {
  expect(checkGrants({}, catalogue)).toEqual([])
  expect(check(admin, { ...admin, role: 'viewer', types: ['bad-thing'] })).toEqual([
    { name: 'access', ok: true, detail: '2 grants' },
  ])
})

test('a grant for a type that no runbook treats is reported', () => {
  expect(check(admin, { role: 'approver', people: ['ana'], groups: ['oncall'], types: ['bad-things'] })).toMatchObject([
    {
      warning: true,
      detail:
        'the grant "approver, only for incidents of the types bad-things" of ana, oncall is for no loaded runbook',
    },
  ])
})

test('it is reported if nobody can end a freeze', () => {
  for (const grant of [
    { ...admin, types: ['bad-thing'] },
    { ...admin, role: 'approver' as const },
  ])
    expect(check(grant)).toMatchObject([
      { warning: true, detail: expect.stringContaining('nobody has the role admin') },
    ])
})
