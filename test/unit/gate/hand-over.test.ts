import { expect, test } from 'vitest'
import { HAND_OVER_MS, handOver } from '../../../src/gate/hand-over.ts'
import { newSigningKey, openKeyring, publicKeyOf, signerNamedIn, type Keyring } from '../../../src/gate/keyring.ts'

const [old, fresh] = [newSigningKey(), newSigningKey()]
const [oldName, freshName] = [publicKeyOf(old), publicKeyOf(fresh)]
const claims = {
  iat: 1_700_000_000,
  jti: 'one',
  person: 'lead',
  gate: 'INC-1.r1',
  proposalDigest: '0'.repeat(64),
  decision: 'approve' as const,
}

/** The keyring after the key was rotated, and the same some milliseconds later. */
function rotated(previous: string[], later: number) {
  let now = 1_000
  const keyring = handOver(
    openKeyring({ key: old }, {}),
    openKeyring({ key: fresh, previous }, {}),
    previous,
    () => now,
  )
  now += later
  return keyring
}

async function signer(keyring: Keyring): Promise<string | undefined> {
  return signerNamedIn(await keyring.sign(claims))
}

test('after a rotation both keys are accepted at once, and the former key signs until every process knows the new one', async () => {
  const before = rotated([oldName], HAND_OVER_MS - 1)
  expect([before.publicKey, await signer(before)]).toEqual([oldName, oldName])
  const after = rotated([oldName], HAND_OVER_MS)
  expect([after.publicKey, await signer(after)]).toEqual([freshName, freshName])
  for (const key of [old, fresh]) {
    const token = await openKeyring({ key }, {}).sign(claims)
    expect((await before.examine(token)).claims.jti).toBe('one')
  }
  expect(after.verifyText('a text', before.signText('a text'))).toBe(true)
})

test('a former key that is not listed any more signs nothing, and is not accepted', async () => {
  const keyring = rotated([], 0)
  expect(await signer(keyring)).toBe(freshName)
  await expect(keyring.examine(await openKeyring({ key: old }, {}).sign(claims))).rejects.toThrow('not signed')
})

test('without a change of the key, the next keyring is used', () => {
  const next = openKeyring({ key: old, previous: [freshName] }, {})
  expect(handOver(openKeyring({ key: old }, {}), next, [freshName])).toBe(next)
})
