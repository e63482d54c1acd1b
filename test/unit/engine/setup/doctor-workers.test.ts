import { expect, test } from 'vitest'
import { keyFindings, stallFindings, versionFindings } from '../../../../src/engine/setup/doctor-workers.ts'
import { Secret } from '../../../../src/config/secret.ts'
import { newSigningKey, publicKeyOf } from '../../../../src/gate/keyring.ts'
import type { KnownWorker } from '../../../../src/history/workers.ts'

const healthy: KnownWorker = {
  identity: '7@host',
  irVersion: 2,
  signingKeys: null,
  silentMs: 4_000,
  stalls: 0,
  maxStallMs: 0,
  lastStallMs: null,
  lastStallAt: null,
  lastStallAgoMs: null,
}
const stalled = {
  ...healthy,
  stalls: 3,
  maxStallMs: 12_300,
  lastStallMs: 4_000,
  lastStallAt: '2026-11-28T06:00:00Z',
  lastStallAgoMs: 125_000,
}

test('nothing is reported about workers that run, or that ended', () => {
  expect(stallFindings([healthy, { ...healthy, identity: '8@host', silentMs: 3_600_000 }], ['7@host'])).toEqual([])
})

test('a worker that stood still in the last day is a warning that says how often, how long and when', () => {
  const [finding] = stallFindings([stalled], [])
  expect(finding).toMatchObject({ ok: true, warning: true })
  expect(finding!.detail).toBe(
    'worker 7@host stood still 3 times, for at most 12s, since it started: last for 4s, 2m 05s ago, at 2026-11-28T06:00:00Z',
  )
  expect(stallFindings([{ ...stalled, lastStallAgoMs: 25 * 3_600_000 }], [])).toEqual([])
})

test('a worker that polls Temporal and no longer reports is a warning; only its latest start counts', () => {
  const silent = { ...healthy, silentMs: 45_000 }
  expect(stallFindings([silent], ['7@host'])[0]!.detail).toContain('has not reported for 45s')
  expect(stallFindings([silent], [])).toEqual([])
  expect(stallFindings([healthy, silent], ['7@host'])).toEqual([])
})

test('a running worker that does not know the signing key is an error; one that applies no remedies needs no key', () => {
  const [key, former] = [newSigningKey(), newSigningKey()]
  const secret = new Secret('${KEY}', 'the signing key', key, [])
  const [known, old] = [[publicKeyOf(key), publicKeyOf(former)], [publicKeyOf(former)]]
  const other = { ...healthy, identity: '8@host', signingKeys: old }
  const [finding, ...more] = keyFindings([{ ...healthy, signingKeys: known }, other, healthy], secret)
  expect(more).toEqual([])
  expect(finding).toMatchObject({ ok: false, detail: expect.stringContaining(`8@host does not know ${known[0]}`) })
  expect(keyFindings([{ ...other, silentMs: 60_000 }], secret)).toEqual([])
  expect(keyFindings([other], new Secret('${KEY}', 'the signing key', '', ['KEY']))).toEqual([])
})

test('incidents that wait for a worker of another version are a warning, unless such a worker runs', () => {
  expect(versionFindings([{ version: 3, incidents: 2, seenMs: 5_000 }])).toEqual([])
  const [never, gone] = versionFindings([
    { version: 1, incidents: 1, seenMs: null },
    { version: 3, incidents: 2, seenMs: 240_000 },
  ])
  expect(never!.detail).toContain('1 open incident waits for a worker that runs plans of version 1')
  expect(never!.detail).toContain('not seen for days')
  expect(gone).toMatchObject({ warning: true, detail: expect.stringContaining('last seen 4m 00s ago') })
})
