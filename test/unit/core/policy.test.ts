import { describe, expect, test } from 'vitest'
import { effectiveApproval } from '../../../src/core/approval.ts'
import { STRENGTHS, type Strength } from '../../../src/core/strength.ts'
import {
  describeTerms,
  furtherDemands,
  policyTerms,
  stricterTerms,
  type Policy,
  type PolicyRule,
} from '../../../src/core/policy.ts'

const rule = (change: Partial<PolicyRule> = {}): PolicyRule => ({
  ...{ name: 'rule', match: {}, by: [], count: 1, excludeRequester: false, excludeAuthor: false },
  ...{ strength: 'login', breakGlass: false },
  ...change,
})
const policy = (match: PolicyRule['match'], change: Partial<Policy> = {}): Policy => ({
  ...{ rules: [rule({ match })], environments: { orders: 'production' } },
  ...change,
})
const isMatched = (one: Policy, action: { kind: string; connection?: string }, risk: 'low' | 'high' = 'low') =>
  policyTerms(one, risk, [action]) !== undefined

describe('a rule matches', () => {
  const update = { kind: 'sql.update', connection: 'orders' }
  test('every action, also one without a connection, if it states no condition', () => {
    expect(isMatched(policy({}), update)).toBe(true)
    expect(isMatched(policy({}), { kind: 'manual' })).toBe(true)
    expect(policyTerms(policy({}), 'low', [])).toBeUndefined()
  })

  test('a connection, a kind or a group of kinds, a risk', () => {
    expect(isMatched(policy({ connection: ['orders'] }), update)).toBe(true)
    expect(isMatched(policy({ connection: ['users'] }), update)).toBe(false)
    expect(isMatched(policy({ connection: ['orders'] }), { kind: 'manual' })).toBe(false)
    expect(isMatched(policy({ kind: ['sql.update'] }), update)).toBe(true)
    expect(isMatched(policy({ kind: ['sql.*'] }), update)).toBe(true)
    expect(isMatched(policy({ kind: ['sq.*', 'sql'] }), update)).toBe(false)
    expect(isMatched(policy({ risk: ['high'] }), update, 'high')).toBe(true)
    expect(isMatched(policy({ risk: ['high'] }), update)).toBe(false)
  })

  test('the environment of the connection, else that of the installation', () => {
    const production = policy({ environment: ['production'] }, { environment: 'staging' })
    expect(isMatched(production, update)).toBe(true)
    expect(isMatched(production, { kind: 'sql.update', connection: 'users' })).toBe(false)
    expect(isMatched(policy({ environment: ['production'] }), { kind: 'manual' })).toBe(false)
    const staging = policy({ environment: ['staging'] }, { environment: 'staging' })
    expect(isMatched(staging, { kind: 'manual' })).toBe(true)
    expect(isMatched(staging, { kind: 'sql.update', connection: 'constructor' })).toBe(true)
    expect(isMatched(staging, update)).toBe(false)
  })

  test('only if all of its conditions match one and the same action', () => {
    const both = policy({ connection: ['users'], kind: ['sql.*'] })
    expect(policyTerms(both, 'low', [update, { kind: 'bullmq.retry', connection: 'users' }])).toBeUndefined()
  })
})

test('the stricter of two demands is at least as strict as each, in every respect', () => {
  const all = [undefined, false, true].flatMap((groups) =>
    [1, 3].flatMap((count) =>
      [false, true].map((flag) =>
        policyTerms(
          {
            rules: [
              rule({
                name: `${groups}${count}${flag}`,
                by: groups === undefined ? [] : [groups ? 'a' : 'b'],
                count,
                excludeRequester: flag,
                excludeAuthor: !flag,
                strength: flag ? 'signed' : 'login',
                breakGlass: flag,
              }),
            ],
            environments: {},
          },
          'low',
          [{ kind: 'manual' }],
        )!,
      ),
    ),
  )
  for (const one of all)
    for (const other of all) {
      const both = stricterTerms(one, other)
      for (const each of [one, other]) {
        expect(both.count).toBeGreaterThanOrEqual(each.count)
        for (const list of each.groups) expect(both.groups).toContainEqual(list)
        for (const field of ['excludeRequester', 'excludeAuthor'] as const)
          expect(both[field] || !each[field]).toBe(true)
        expect(both.strength === 'signed' || each.strength === 'login').toBe(true)
        expect(!both.breakGlass || each.breakGlass).toBe(true)
      }
    }
  expect(stricterTerms(undefined, all[0]!)).toEqual(all[0])
})

test('a passkey is stronger than an own key, and that is stronger than a login', () => {
  const terms = (strength: Strength) =>
    policyTerms({ rules: [rule({ strength })], environments: {} }, 'low', [{ kind: 'manual' }])!
  for (const one of STRENGTHS)
    for (const other of STRENGTHS) {
      const stronger = STRENGTHS[Math.max(STRENGTHS.indexOf(one), STRENGTHS.indexOf(other))]
      expect(stricterTerms(terms(one), terms(other)).strength).toBe(stronger)
    }
})

test('the approval that is required is the stricter of the runbook’s and the policy’s', () => {
  const asked = { auto: false, by: ['viewer'], count: 1, withinMs: 1, onTimeout: 'reject', validForMs: 1 } as const
  const terms = policyTerms({ rules: [rule({ by: ['oncall'], count: 2 })], environments: {} }, 'low', [
    { kind: 'manual' },
  ])!
  const surroundings = {
    risk: 'low',
    escalateTo: ['platform'],
    inPart: true,
    isAutoAllowed: true,
    requesterMayApprove: true,
  } as const
  const of = (approval: Parameters<typeof effectiveApproval>[0], demanded?: typeof terms) =>
    effectiveApproval(approval, { ...surroundings, escalateTo: [...surroundings.escalateTo], terms: demanded }).stored
  expect(of({ ...asked, by: [...asked.by] }, terms)).toMatchObject({
    by: ['viewer'],
    count: 2,
    policy: { groups: [['oncall']] },
  })
  expect(of({ ...asked, by: [...asked.by], count: 3 }, terms)).toMatchObject({ count: 3 })
  expect(of({ ...asked, by: [...asked.by], strength: 'passkey' }, terms)).toMatchObject({ strength: 'passkey' })
  expect(of({ ...asked, by: [...asked.by] })).not.toHaveProperty('strength')
  expect(of({ auto: true })).toMatchObject({ auto: true, by: [] })
  expect(of({ auto: true }, terms)).toMatchObject({ auto: false, by: ['oncall'], count: 2 })
  expect(of({ auto: true }, { ...terms, groups: [] })).toMatchObject({ auto: false, by: ['platform'] })
})

test('a gate says what the policy demands besides its number and groups, and nothing if that is all', () => {
  const terms = policyTerms(
    { rules: [rule({ name: 'production', by: ['oncall', 'platform'] })], environments: {} },
    'low',
    [{ kind: 'manual' }],
  )!
  expect(furtherDemands(terms, ['oncall'])).toBeUndefined()
  expect(furtherDemands(terms, ['oncall', 'viewer'])).toBe(
    'policy rule "production": from members of oncall or platform',
  )
  const signed = { ...terms, strength: 'signed' as const, excludeAuthor: true, authors: [] }
  expect(furtherDemands(signed, ['oncall'])).toBe(
    'policy rule "production": not the author of the runbook (unknown: nobody can approve), signed with their own key',
  )
})

test('what is demanded is said in full', () => {
  const terms = policyTerms(
    {
      rules: [
        rule({
          name: 'production',
          by: ['oncall', 'platform'],
          count: 2,
          excludeRequester: true,
          excludeAuthor: true,
          strength: 'signed',
          breakGlass: true,
        }),
      ],
      environments: {},
    },
    'low',
    [{ kind: 'manual' }],
  )!
  expect(describeTerms({ ...terms, authors: ['alice'] })).toBe(
    'policy rule "production": 2 people of oncall or platform, not the requester, not the author of the runbook (alice), signed with their own key, break-glass is allowed',
  )
  expect(describeTerms({ ...terms, authors: [] })).toContain(
    'not the author of the runbook (unknown: nobody can approve)',
  )
})
