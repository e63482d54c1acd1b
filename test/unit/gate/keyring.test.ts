import { describe, expect, test } from 'vitest'
import { authenticate, tokenHash } from '../../../src/gate/authenticate.ts'
import type { DecisionClaims } from '../../../src/gate/decision-schema.ts'
import { newSigningKey, openKeyring, publicKeyOf } from '../../../src/gate/keyring.ts'

const claims = {
  gate: 'INC-1.r1',
  proposalDigest: 'a'.repeat(64),
  decision: 'approve',
  person: 'lead',
  iat: 1,
  jti: 'x',
} as const

describe('the keyring', () => {
  test('signs what it verifies, and nothing of it can be changed', async () => {
    const keyring = openKeyring({ key: newSigningKey() }, {})
    const token = await keyring.sign(claims)
    expect(await keyring.verify(token)).toEqual(claims)
    const parts = token.split('.') as [string, string, string]
    for (const part of [0, 1, 2]) {
      const changed = [...parts]
      changed[part] = `${changed[part]!.slice(0, 5)}${changed[part]![5] === 'A' ? 'B' : 'A'}${changed[part]!.slice(6)}`
      await expect(keyring.verify(changed.join('.'))).rejects.toMatchObject({ code: 'RUNBOOK_NOT_AUTHENTICATED' })
    }
  })

  test.each([
    ['an approval that asks for the next cause', { nextCause: true }, 'nextCause: goes with reject only'],
    [
      'a rejection that breaks the glass',
      { decision: 'reject', breakGlass: 'nobody else is awake now' },
      'breakGlass: goes with approve only',
    ],
    ['a decision on no target', { targets: [] }, 'targets: must name a target'],
    ['a claim that decisions do not have', { approveAll: true }, 'approveAll'],
  ])('refuses %s, although its signature is valid', async (_, odd, message) => {
    const keyring = openKeyring({ key: newSigningKey() }, {})
    const token = await keyring.sign({ ...claims, ...odd } as DecisionClaims)
    await expect(keyring.verify(token)).rejects.toMatchObject({
      code: 'RUNBOOK_BAD_INPUT',
      message: expect.stringContaining(message),
    })
  })

  test('takes keys of one form only, and says which', () => {
    for (const key of ['', 'ed25519:', 'ed25519:AAAA', newSigningKey().slice(8), `rsa:${newSigningKey().slice(8)}`])
      expect(() => openKeyring({ key }, {})).toThrow('ed25519:<base64url of 32 bytes>')
    expect(publicKeyOf(newSigningKey())).toMatch(/^ed25519:[\w-]{43}$/)
  })
})

describe('a bearer token', () => {
  const people = {
    lead: { name: 'lead', groups: [], keys: [], tokenHash: tokenHash('secret') },
    nobody: { name: 'nobody', groups: [], keys: [] },
  }

  test('names its person', () => {
    expect(authenticate(people, 'secret').name).toBe('lead')
  })

  test.each(['', undefined, 'Secret', 'secret ', tokenHash('secret')])('such as %j is nobody’s', (token) => {
    expect(() => authenticate(people, token)).toThrow(expect.objectContaining({ code: 'RUNBOOK_NOT_AUTHENTICATED' }))
  })
})
