import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openLogin } from '../../src/engine/login.ts'
import { decidersOf } from '../../src/engine/people.ts'
import { decideByToken } from '../../src/gate/decide.ts'
import { newSigningKey, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import type { ProposedAction } from '../../src/core/proposal.ts'
import { recordEvents } from '../../src/history/record.ts'
import { startIdentityProvider, type IdentityProvider, type Token } from '../support/identity-provider.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'

const leadsKey = newSigningKey()
let provider: IdentityProvider
let world: HttpWorld

beforeAll(async () => {
  provider = await startIdentityProvider('runbook')
  world = await openHttpWorld(inject('stack'), {
    leadKeys: [publicKeyOf(leadsKey)],
    config: `oidc:
  issuer: ${provider.issuer}
  audience: runbook
  jwks: ${provider.jwks}
  maxAge: 10m
  groups: { oncall: [sre], platform: [platform-team] }
`,
  })
  world.engine.people.operator!.login = 'olga'
})
afterAll(async () => {
  await world?.close()
  await provider?.close()
})

const as = async (change?: Token) => ({ as: null, token: await provider.token(change) })
const list = async (change?: Token) => world.call('GET', '/v1/incidents', await as(change))
const refused = (why: string) => ({
  status: 401,
  json: { code: 'RUNBOOK_NOT_AUTHENTICATED', detail: expect.stringContaining(why) },
})

const UPDATE: ProposedAction = {
  id: '0-sql.update',
  kind: 'sql.update',
  access: 'write',
  target: 'a',
  with: { connection: 'db' },
  preview: { summary: '' },
}

async function opened(count = 1) {
  const id = await openIncident(world)
  return { id, gate: `${id}.r1`, proposalDigest: await openTestGate(world, id, count, [UPDATE]) }
}

const approve = ({ id, proposalDigest }: { id: string; proposalDigest: string }, options: object) =>
  world.call('POST', `/v1/incidents/${id}/decision`, { ...options, body: { proposalDigest, decision: 'approve' } })

async function permit({ id, gate }: { id: string; gate: string }, change = {}) {
  const data = { round: 1, holds: true as const, because: '', targets: ['a', 'b'], skipped: {} }
  const { database, keyring } = world.engine
  const [looked] = await recordEvents(database, id, [{ place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data }])
  const rules = {
    ...decidersOf(world.engine),
    keyring,
    isAutoApproved: () => false,
    requesterMayApprove: true,
    ...change,
  }
  return takeProposedPermit(database, rules, { gate, target: 'a', recheckedAt: looked!.at, leaseMs: 1_000 })
}

describe('a person who logs in at the identity provider', () => {
  test('decides with the mapped groups; the permit counts the decision', async () => {
    expect(await list()).toMatchObject({ status: 200 })
    const gate = await opened()
    expect(await approve(gate, await as())).toMatchObject({ status: 200, json: { state: 'approved' } })
    const shown = await world.call('GET', `/v1/incidents/${gate.id}`)
    expect(shown.json.rounds[0].gate.decisions).toMatchObject([{ person: 'ada', decision: 'approve' }])
    expect(await permit(gate, { oidc: false })).toMatchObject({ granted: false, reason: 'not-approved' })
    const known = { ...world.engine.people, ada: { name: 'ada', groups: ['oncall'], keys: [] } }
    expect(await permit(gate, { people: known })).toMatchObject({ granted: false, reason: 'not-approved' })
    expect(await permit(gate)).toMatchObject({ granted: true })
  })

  test.each([
    ['no groups', undefined],
    ['groups that are not mapped', ['oncall', 'admin']],
    ['groups that are not a list', 'sre'],
  ])('with %s may read but not decide', async (_, groups) => {
    const gate = await opened()
    expect(await list({ claims: { groups } })).toMatchObject({ status: 200 })
    expect(await approve(gate, await as({ claims: { groups } }))).toMatchObject({ status: 403 })
  })

  test('is the same person as the configured one with that login, and has the configured groups', async () => {
    const gate = await opened(2)
    const olga = await as({ claims: { sub: 'olga', groups: [] } })
    expect(await approve(gate, { as: 'operator' })).toMatchObject({ json: { state: 'open', approvals: 1 } })
    expect(await approve(gate, olga)).toMatchObject({ json: { state: 'open', approvals: 1 } })
    expect(await approve(gate, await as())).toMatchObject({ json: { state: 'approved', approvals: 2 } })
  })

  test('may not have the name of a configured person', async () => {
    expect(await list({ claims: { sub: 'lead' } })).toMatchObject(refused('lead is also a configured person'))
  })

  test('cannot put groups into a token of their own; a configured person cannot do it for somebody else', async () => {
    const gate = await opened()
    const said = { gate: gate.gate, proposalDigest: gate.proposalDigest, decision: 'approve' as const }
    const once = { iat: Math.floor(Date.now() / 1000), groups: ['oncall'] }
    const deps = { ...world.engine, ...decidersOf(world.engine), wakeWorkflow: async () => {} }
    for (const person of ['lead', 'ada']) {
      const token = await signClaims({ ...said, ...once, person, jti: `groups-${person}` }, leadsKey)
      await expect(decideByToken(deps, token), person).rejects.toMatchObject({
        code: person === 'lead' ? 'RUNBOOK_BAD_INPUT' : 'RUNBOOK_NOT_AUTHENTICATED',
      })
    }
  })
})

describe('a token is refused', () => {
  const now = () => Math.floor(Date.now() / 1000)

  test.each<[string, Token, string]>([
    ['of another issuer', { claims: { iss: 'https://elsewhere' } }, 'iss'],
    ['for another audience', { claims: { aud: 'payroll' } }, 'aud'],
    ['without an audience', { claims: { aud: undefined } }, 'aud'],
    ['of another type', { header: { typ: 'JWT' } }, 'typ'],
    ['without a type', { header: { typ: undefined as never } }, 'typ'],
    ['that has expired', { claims: { iat: now() - 300, exp: now() - 60 } }, 'exp'],
    ['without an expiry', { claims: { exp: undefined } }, 'exp'],
    ['without an issue time', { claims: { iat: undefined } }, 'iat'],
    ['older than the maximum age, but not expired', { claims: { iat: now() - 700, exp: now() + 9_000 } }, 'iat'],
    ['issued in the future', { claims: { iat: now() + 300 } }, 'iat'],
    ['that is not valid yet', { claims: { nbf: now() + 300 } }, 'nbf'],
    ['without a name', { claims: { sub: undefined } }, 'sub'],
    ['with an empty name', { claims: { sub: '' } }, "is not a person's name"],
    ['with an invisible character in the name', { claims: { sub: 'ada\u202e' } }, "is not a person's name"],
    ['with a name that is not a string', { claims: { sub: ['ada'] } }, "is not a person's name"],
    ['signed with an unknown key', { header: { kid: 'k2' } }, 'no applicable key'],
    ['with an algorithm that is not configured', { header: { alg: 'RS512' } }, 'not allowed'],
  ])('%s', async (_, change, why) => {
    expect(await list(change)).toMatchObject(refused(why))
  })

  test('signed with another key under the same id', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    expect(await list({ key: privateKey })).toMatchObject(refused('signature'))
  })

  test('signed with the public key as a shared secret', async () => {
    const key = new TextEncoder().encode(provider.publicKey)
    expect(await list({ key, header: { alg: 'HS256' } })).toMatchObject(refused('not allowed'))
  })

  test('unsigned, or changed after it was signed', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const [header, claims, signature] = (await provider.token()).split('.') as [string, string, string]
    const said = JSON.parse(Buffer.from(claims, 'base64url').toString()) as object
    const forged = part({ ...said, sub: 'root' })
    for (const token of [
      `${part({ alg: 'none', typ: 'at+jwt' })}.${claims}.`,
      `${part({ alg: 'none', typ: 'at+jwt' })}.${claims}.${signature}`,
      `${header}.${forged}.${signature}`,
      `${header}.${claims}.${signature.slice(0, -4)}AAAA`,
      `${header}.${claims}`,
      'a.b.c',
    ])
      expect(await world.call('GET', '/v1/incidents', { as: null, token }), token).toMatchObject({ status: 401 })
  })
})

describe('the provider', () => {
  test('receives only requests for its keys, without our credentials, and not one per token', async () => {
    await list()
    for (let i = 0; i < 20; i += 1) await list({ header: { kid: `made-up-${i}` } })
    expect(provider.requests).toHaveLength(1)
    const [{ method, url, headers, body }] = provider.requests as [(typeof provider.requests)[0]]
    expect({ method, url, body }).toEqual({ method: 'GET', url: '/keys', body: '' })
    expect(headers).not.toHaveProperty('authorization')
    expect(headers).not.toHaveProperty('cookie')
  })

  test.each([
    ['is down', { status: 503 }],
    ['redirects', { status: 302, headers: { location: '/keys2' } }],
    ['answers with something that is not a key set', { status: 200, body: '{"keys": "none"}' }],
    ['answers with something that is not JSON', { status: 200, body: '<html>' }],
  ])('that %s authenticates nobody; configured people can still log in', async (_, answer) => {
    const requestsBefore = provider.requests.length
    const login = openLogin(world.engine.config, world.engine.people)
    const usualAnswer = provider.answer
    provider.answer = answer
    try {
      await expect(login(await provider.token())).rejects.toMatchObject({ code: 'RUNBOOK_UNREACHABLE' })
      expect(provider.requests.slice(requestsBefore).map(({ url }) => url)).toEqual(['/keys'])
      expect(await world.call('GET', '/v1/incidents')).toMatchObject({ status: 200 })
    } finally {
      provider.answer = usualAnswer
    }
    expect(await login(await provider.token())).toMatchObject({ name: 'ada', groups: ['oncall'] })
  })

  test('that names people by their email must have verified it', async () => {
    const login = openLogin({ oidc: { ...world.engine.config.oidc!, name: 'email' } }, world.engine.people)
    const email = 'ada@example.com'
    await expect(login(await provider.token({ claims: { email } }))).rejects.toThrow('not verified')
    expect(await login(await provider.token({ claims: { email, email_verified: true } }))).toMatchObject({
      name: email,
    })
  })
})

test('without a configured provider its tokens are refused', async () => {
  await expect(openLogin({}, world.engine.people)(await provider.token())).rejects.toMatchObject({
    code: 'RUNBOOK_NOT_AUTHENTICATED',
  })
})
