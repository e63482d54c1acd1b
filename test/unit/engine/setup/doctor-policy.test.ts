import { expect, test } from 'vitest'
import type { Config } from '../../../../src/config/config.ts'
import type { PolicyRule } from '../../../../src/core/policy.ts'
import type { EngineCatalogue } from '../../../../src/engine/catalogue.ts'
import { checkPolicy } from '../../../../src/engine/setup/doctor-policy.ts'
import { plan } from '../../interpreter/plan-fixture.ts'

const THINGS = { file: 'things.yaml', text: '', plan: plan(), planDigest: 'digest' }

function check(rule: Partial<PolicyRule>, authors: [string, string][] = [], oidc = false) {
  const full: PolicyRule = {
    ...{ name: 'production', match: {}, by: ['oncall'], count: 1, excludeRequester: false, excludeAuthor: false },
    ...{ strength: 'login', breakGlass: false },
    ...rule,
  }
  const people = {
    alice: { keys: ['ed25519:x'], groups: ['oncall'], emails: [] },
    bob: { keys: [], groups: ['oncall'], emails: [] },
  }
  const policy = { rules: [full], environments: {} }
  const config = { people, policy, ...(oidc ? { oidc: {} } : {}) } as unknown as Config
  const catalogue = { runbooks: [THINGS], authors: new Map(authors) } as unknown as EngineCatalogue
  return checkPolicy(config, catalogue)[0]!
}

test('a rule that enough people can satisfy names the runbooks that it is for', () => {
  expect(check({ count: 2 })).toEqual({ name: 'policy production', ok: true, detail: `for ${THINGS.plan.name}` })
})

test('a rule that demands more people than there are is an error; with an identity provider the people are not known', () => {
  expect(check({ count: 3 })).toMatchObject({
    ok: false,
    detail: '3 people of oncall must approve, but there are only 2',
  })
  expect(check({ by: ['nobody'] })).toMatchObject({ ok: false, detail: expect.stringContaining('are only 0') })
  expect(check({ count: 3 }, [], true)).toMatchObject({ ok: true })
  const signed = { strength: 'signed', count: 2 } as const
  for (const oidc of [false, true])
    expect(check(signed, [], oidc)).toMatchObject({
      ok: false,
      detail: '2 people of oncall with a registered key must approve, but there is only 1',
    })
})

test('a rule that matches no remedy is a warning', () => {
  expect(check({ match: { connection: ['other'] } })).toMatchObject({
    ok: true,
    warning: true,
    detail: expect.stringContaining('no remedy'),
  })
})

test('a rule that excludes authors is an error where the author of a runbook is unknown', () => {
  expect(check({ excludeAuthor: true })).toMatchObject({
    ok: false,
    detail: expect.stringContaining('author is unknown'),
  })
  expect(check({ excludeAuthor: true }, [['digest', 'alice']])).toMatchObject({ ok: true })
})
