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
  test('verifies the tokens that it signs; a changed token is refused', async () => {
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
    ['an approval with nextCause', { nextCause: true }, 'nextCause: is allowed only with reject'],
    [
      'a rejection with a break-glass reason',
      { decision: 'reject', breakGlass: 'nobody else is awake now' },
      'breakGlass: is allowed only with approve',
    ],
    ['a decision with an empty list of targets', { targets: [] }, 'targets: must name a target'],
    ['an unknown claim', { approveAll: true }, 'approveAll'],
  ])('refuses %s, although its signature is valid', async (_, change, message) => {
    const keyring = openKeyring({ key: newSigningKey() }, {})
    const token = await keyring.sign({ ...claims, ...change } as DecisionClaims)
    await expect(keyring.verify(token)).rejects.toMatchObject({
      code: 'RUNBOOK_BAD_INPUT',
      message: expect.stringContaining(message),
    })
  })

  test('accepts keys of one form only, and names that form in the error', () => {
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

  test('identifies its person', () => {
    expect(authenticate(people, 'secret').name).toBe('lead')
  })

  test.each(['', undefined, 'Secret', 'secret ', tokenHash('secret')])(
    '%j belongs to nobody and is refused',
    (token) => {
      expect(() => authenticate(people, token)).toThrow(expect.objectContaining({ code: 'RUNBOOK_NOT_AUTHENTICATED' }))
    },
  )
})
