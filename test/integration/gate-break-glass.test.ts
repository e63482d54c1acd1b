import { NO_POLICY } from '../../src/core/policy.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { People } from '../../src/core/person.ts'
import { auditHistory } from '../../src/engine/audit/audit.ts'
import { switchControl } from '../../src/gate/controls.ts'
import { decide, decideByToken } from '../../src/gate/decide.ts'
import type { DecisionClaims, DecisionRequest } from '../../src/gate/decision-schema.ts'
import { newSigningKey, openKeyring, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import type { PermitRules } from '../../src/gate/permit-request.ts'
import { resolveGateRow } from '../../src/gate/gate-resolution.ts'
import { withdraw } from '../../src/gate/withdraw.ts'
import { readEvents } from '../../src/history/incidents.ts'
import { recordEvents } from '../../src/history/record.ts'
import { openEngineWorld, propose, type EngineWorld, type OpenedTestGate } from '../support/engine-world.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'

const REASON = 'the region is down and nobody else can be reached'
const leadsKey = newSigningKey()
const people: People = {
  operator: { name: 'operator', groups: ['oncall'], keys: [] },
  lead: { name: 'lead', groups: ['incident-leads'], keys: [publicKeyOf(leadsKey)] },
}
const keyring = openKeyring({ key: newSigningKey() }, people)
const breakGlass = ['incident-leads']

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})
afterAll(() => world?.close())

/** A gate that requires two people other than the requester. */
const strict = () =>
  propose(world, {
    approval: { count: 2, excludeRequester: true },
    incident: { requester: 'person:lead' },
  })

const deps = () => ({
  database: world.engine,
  keyring,
  people,
  breakGlass,
  policy: NO_POLICY,
  wakeWorkflow: async () => {},
})

const approve = (opened: OpenedTestGate, who: string, change: Partial<DecisionRequest> = {}, dependencies = deps()) =>
  decide(dependencies, people[who]!, {
    gate: opened.gate,
    proposalDigest: opened.digest,
    decision: 'approve',
    breakGlass: REASON,
    ...change,
  })

async function permit(opened: OpenedTestGate, target = 'a', change: Partial<PermitRules> = {}) {
  const data = { round: 1, holds: true, because: '', targets: ['a', 'b', 'c'], skipped: {} }
  const [recheck] = await recordEvents(world.engine, opened.incident, [
    { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data },
  ])
  const rules = {
    keyring,
    people,
    breakGlass,
    isAutoApproved: () => false,
    requesterMayApprove: true,
    policy: NO_POLICY,
    ...change,
  }
  return takeProposedPermit(world.engine, rules, {
    gate: opened.gate,
    target,
    recheckedAt: recheck!.at,
    leaseMs: 1_000,
  })
}

describe('a person who may use break-glass approval', () => {
  test('approves alone what needs two others; the reason is recorded, and a permit is granted', async () => {
    const opened = await strict()
    expect(await approve(opened, 'lead')).toMatchObject({ state: 'approved', approvals: 1, required: 2 })
    expect(await resolveGateRow(world.engine, opened.gate)).toEqual({
      state: 'approved',
      targets: ['a', 'b', 'c'],
      brokenBy: { person: 'lead', reason: REASON },
    })
    expect((await readEvents(world.engine, opened.incident)).find(({ kind }) => kind === 'decision')).toMatchObject({
      actor: 'person:lead',
      data: { breakGlass: REASON },
    })
    expect(await permit(opened)).toMatchObject({ granted: true })
    expect((await auditHistory(world.engine, keyring)).faults).toEqual([])
  })

  test('can do so for some of the targets, and with a registered key', async () => {
    const opened = await strict()
    const claims: DecisionClaims = {
      gate: opened.gate,
      proposalDigest: opened.digest,
      decision: 'approve',
      person: 'lead',
      breakGlass: REASON,
      targets: ['b'],
      iat: Math.floor(Date.now() / 1000),
      jti: 'by-own-key',
    }
    expect(await decideByToken(deps(), await signClaims(claims, leadsKey))).toMatchObject({ state: 'approved' })
    expect(await permit(opened, 'a')).toMatchObject({ granted: false, reason: 'not-approved' })
    expect(await permit(opened, 'b')).toMatchObject({ granted: true })
  })

  test('may withdraw the approval until the permit', async () => {
    const opened = await strict()
    await approve(opened, 'lead')
    expect(await withdraw(deps(), people.lead!, { gate: opened.gate })).toMatchObject({ state: 'withdrawn' })
    expect(await permit(opened)).toMatchObject({ granted: false, reason: 'withdrawn' })
  })

  test('does not bypass a freeze, nor stale preconditions', async () => {
    const opened = await strict()
    await approve(opened, 'lead')
    const freeze = { control: 'freeze', person: 'operator', reason: 'the failover' }
    await switchControl(world.engine, { ...freeze, on: true })
    try {
      expect(await permit(opened)).toMatchObject({ granted: false, reason: 'frozen' })
    } finally {
      await switchControl(world.engine, { ...freeze, on: false })
    }
    const rules = {
      keyring,
      people,
      breakGlass,
      isAutoApproved: () => false,
      requesterMayApprove: true,
      policy: NO_POLICY,
    }
    const old = { gate: opened.gate, target: 'a', recheckedAt: '2020-01-01T00:00:00.000000Z', leaseMs: 1_000 }
    expect(await takeProposedPermit(world.engine, rules, old)).toMatchObject({ granted: false, reason: 'stale' })
  })
})

describe('break-glass is refused', () => {
  test('for people outside the configured groups, and the attempt is recorded', async () => {
    const opened = await strict()
    await expect(approve(opened, 'operator')).rejects.toThrow('may not use break-glass approval')
    await expect(approve(opened, 'lead', {}, { ...deps(), breakGlass: [] })).rejects.toThrow('none is configured')
    const denied = (await readEvents(world.engine, opened.incident)).filter(({ kind }) => kind === 'denied')
    expect(denied.map(({ actor }) => actor)).toEqual(['person:operator', 'person:lead'])
    expect(await resolveGateRow(world.engine, opened.gate)).toMatchObject({ state: 'open' })
  })

  test.each([
    ['without a reason', { breakGlass: '' }],
    ['with a short reason', { breakGlass: 'because' }],
    ['with spaces for a reason', { breakGlass: `a${' '.repeat(30)}` }],
    ['to reject', { decision: 'reject' }],
    ['for another proposal', { proposalDigest: 'f'.repeat(64) }],
  ] as const)('%s', async (_, change) => {
    const opened = await strict()
    await expect(approve(opened, 'lead', change)).rejects.toMatchObject({
      code: 'proposalDigest' in change ? 'RUNBOOK_CONFLICT' : 'RUNBOOK_BAD_INPUT',
    })
    expect(await resolveGateRow(world.engine, opened.gate)).toMatchObject({ state: 'open' })
  })

  test('when only the row contains it: the permit reads the signed decision', async () => {
    const opened = await strict()
    await approve(opened, 'operator', { breakGlass: undefined as never })
    const client = await world.superuser.connect()
    await client.query('SET session_replication_role = replica')
    await client.query('UPDATE runbook.decisions SET break_glass = $2 WHERE gate = $1', [opened.gate, REASON])
    await client.query(
      `UPDATE runbook.gates SET state = 'approved', decided_at = clock_timestamp(), approved_targets = '{a,b,c}' WHERE id = $1`,
      [opened.gate],
    )
    await client.query('SET session_replication_role = origin')
    client.release()
    expect(await permit(opened)).toMatchObject({ granted: false, reason: 'not-approved' })
  })

  test('at the permit, when the group has lost the permission', async () => {
    const opened = await strict()
    await approve(opened, 'lead')
    expect(await permit(opened, 'a', { breakGlass: [] })).toMatchObject({ granted: false, reason: 'not-approved' })
    expect(await permit(opened, 'a')).toMatchObject({ granted: true })
  })
})
