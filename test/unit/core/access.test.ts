import { describe, expect, test } from 'vitest'
import { describeGrant, includesRole, roleOver, ROLES, subjectOf, type Grant } from '../../../src/core/access.ts'
import type { Person } from '../../../src/core/person.ts'
import { plan, remedy } from '../interpreter/plan-fixture.ts'

const person = (change: Partial<Person> = {}): Person => ({ name: 'ana', groups: ['oncall'], keys: [], ...change })
const grant = (change: Partial<Grant> = {}): Grant => ({ role: 'approver', people: [], groups: ['oncall'], ...change })
const SUBJECT = { type: 'stuck-run', runbook: 'stuck-runs', connections: ['db', 'queue'] }

test('each role includes the roles before it', () => {
  for (const [i, held] of ROLES.entries())
    for (const [j, wanted] of ROLES.entries()) expect(includesRole(held, wanted), `${held} ${wanted}`).toBe(j <= i)
  expect(includesRole(undefined, 'viewer')).toBe(false)
})

test('without grants, the role of the person is over everything', () => {
  for (const over of [SUBJECT, 'everything', 'anything'] as const) {
    expect(roleOver(undefined, person(), over)).toBe('admin')
    expect(roleOver(undefined, person({ role: 'viewer' }), over)).toBe('viewer')
  }
})

describe('with grants', () => {
  test('a person whom no grant names sees nothing', () => {
    expect(roleOver([], person(), 'anything')).toBeUndefined()
    expect(roleOver([grant({ groups: ['platform'] })], person(), SUBJECT)).toBeUndefined()
    expect(roleOver([grant({ groups: [], people: ['bob'] })], person(), SUBJECT)).toBeUndefined()
  })

  test('the strongest grant counts, and the role "viewer" of the person limits it', () => {
    const grants = [grant({ role: 'viewer' }), grant({ role: 'admin', groups: [], people: ['ana'] }), grant()]
    expect(roleOver(grants, person(), SUBJECT)).toBe('admin')
    expect(roleOver(grants, person({ role: 'viewer' }), SUBJECT)).toBe('viewer')
    expect(roleOver([], person({ role: 'viewer' }), SUBJECT)).toBeUndefined()
  })

  test.each<[string, Partial<Grant>, boolean]>([
    ['its type', { types: ['other', 'stuck-run'] }, true],
    ['another type', { types: ['other'] }, false],
    ['a part of its type', { types: ['stuck'] }, false],
    ['its runbook', { runbooks: ['stuck-runs'] }, true],
    ['another runbook', { runbooks: ['stuck-run'] }, false],
    ['all of its connections', { connections: ['queue', 'db', 'cache'] }, true],
    ['one of its connections', { connections: ['db'] }, false],
    ['its type and another runbook', { types: ['stuck-run'], runbooks: ['other'] }, false],
    ['its type and runbook', { types: ['stuck-run'], runbooks: ['stuck-runs'] }, true],
  ])('a grant for %s', (_, limits, covers) => {
    expect(roleOver([grant(limits)], person(), SUBJECT)).toBe(covers ? 'approver' : undefined)
    expect(roleOver([grant(limits)], person(), 'everything')).toBeUndefined()
    expect(roleOver([grant(limits)], person(), 'anything')).toBe('approver')
  })

  test('a grant with connections is not for a plan whose connections are unknown', () => {
    const unknown = { ...SUBJECT, connections: undefined }
    expect(roleOver([grant({ connections: ['db', 'queue'] })], person(), unknown)).toBeUndefined()
    expect(roleOver([grant()], person(), unknown)).toBe('approver')
  })

  test.each([
    'Oncall',
    'oncall ',
    ' oncall',
    'oncall,platform',
    'oncall\u0000',
    'oncall\u200b',
    '*',
    '.*',
    '',
    '__proto__',
  ])('the group %j is not the group "oncall"', (group) => {
    expect(roleOver([grant()], person({ groups: [group] }), 'anything')).toBeUndefined()
    expect(roleOver([grant({ groups: [group] })], person(), 'anything')).toBeUndefined()
    expect(roleOver([grant({ groups: [group] })], person({ groups: [group] }), 'anything')).toBe('approver')
  })

  test('a group with the name of a person, and a person with the name of a group, get nothing', () => {
    expect(roleOver([grant({ groups: ['ana'] })], person(), 'anything')).toBeUndefined()
    expect(roleOver([grant({ groups: [], people: ['oncall'] })], person(), 'anything')).toBeUndefined()
  })
})

describe('the connections of a plan', () => {
  const check = (name: string, connection: object) => ({ ...plan().checks[0]!, name, with: { connection } as never })
  const using = (connection: object) => [check('one', connection)]

  test('are those of its checks, its actions, what its actions wait for, and its verification', () => {
    const [action] = remedy('mend').actions
    const wait = { checks: using({ lit: 'waits' }), until: { cel: 'true', checks: [], grows: [], shrinks: [] } }
    const mend = remedy('mend', {
      actions: [
        { ...action!, with: { connection: { lit: 'writes' } }, wait: { ...wait, everyMs: 1_000, withinMs: 1_000 } },
        { ...action!, with: {} },
      ],
      verify: { ...remedy('mend').verify, checks: using({ lit: 'verifies' }) },
    })
    const subject = subjectOf(plan({ checks: using({ lit: 'reads' }), remedies: { mend } }))
    expect(subject).toEqual({ type: 'bad-thing', runbook: 'things', connections: expect.any(Array) })
    expect(subject.connections!.toSorted()).toEqual(['reads', 'verifies', 'waits', 'writes'])
  })

  test('are unknown if one is computed', () => {
    const computed = { expr: { cel: 'inputs.c', checks: [], grows: [], shrinks: [] } }
    expect(subjectOf(plan({ checks: using(computed) })).connections).toBeUndefined()
  })
})

test('a grant is described with its limits', () => {
  expect(describeGrant(grant())).toBe('approver, for everything')
  expect(describeGrant(grant({ types: ['a', 'b'], connections: ['db'] }))).toBe(
    'approver, only for incidents of the types a, b, and only for runbooks that use no connection but db',
  )
})
