import { NO_POLICY } from '../../src/core/policy.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import type { Json } from '../../src/core/json.ts'
import type { People } from '../../src/core/person.ts'
import { decide, decideByToken, type DecideDependencies } from '../../src/gate/decide.ts'
import type { DecisionClaims, DecisionRequest } from '../../src/gate/decision-schema.ts'
import { newSigningKey, openKeyring, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import { readDecisions, readGate, whyInState } from '../../src/gate/gates.ts'
import { openGate } from '../../src/gate/open-gate.ts'
import { resolveGateRow } from '../../src/gate/gate-resolution.ts'
import { withdraw } from '../../src/gate/withdraw.ts'
import { closeIncident } from '../../src/history/close.ts'
import { readEvents } from '../../src/history/incidents.ts'
import { recordEvents } from '../../src/history/record.ts'
import { accept, openEngineWorld, propose, type EngineWorld, type OpenedTestGate } from '../support/engine-world.ts'

let world: EngineWorld
let wakeUps: string[] = []
const engineKey = newSigningKey()
const formerKey = newSigningKey()
const leadsKey = newSigningKey()
const people: People = {
  operator: { name: 'operator', groups: ['oncall'], keys: [] },
  lead: { name: 'lead', groups: ['oncall', 'platform'], keys: [publicKeyOf(leadsKey)] },
  platform: { name: 'platform', groups: ['platform'], keys: [] },
  reader: { name: 'reader', groups: [], keys: [] },
}

beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})

afterAll(async () => {
  await world?.close()
})

function deps(change: Partial<DecideDependencies> = {}): DecideDependencies {
  const keyring = openKeyring({ key: engineKey, previous: [publicKeyOf(formerKey)] }, people)
  const wakeWorkflow = async (incident: string) => void wakeUps.push(incident)
  return { database: world.engine, keyring, people, policy: NO_POLICY, wakeWorkflow, ...change }
}

function decideAs(who: string, { gate, digest }: OpenedTestGate, change: Partial<DecisionRequest> = {}) {
  return decide(deps(), people[who]!, { gate, proposalDigest: digest, decision: 'approve', ...change })
}

const kinds = async (incident: string) => (await readEvents(world.engine, incident)).map((one) => one.kind)
const stateOf = async ({ gate }: OpenedTestGate) => (await readGate(world.engine, gate)).state
const wakeUpsOf = ({ incident }: OpenedTestGate) => wakeUps.filter((one) => one === incident).length
const change = (what: string, { gate }: OpenedTestGate) =>
  world.superuser.query(`UPDATE runbook.gates SET ${what} WHERE id = $1`, [gate])

describe('a decision by a person', () => {
  test('that approves is signed for exactly this gate, proposal and person, and its token wakes the workflow', async () => {
    const opened = await propose(world)
    const tokens: string[] = []
    const decided = await decide(
      deps({ wakeWorkflow: async (_, token) => void tokens.push(token) }),
      people.operator!,
      {
        gate: opened.gate,
        proposalDigest: opened.digest,
        decision: 'approve',
        comment: 'go on',
      },
    )
    expect(decided).toEqual({
      gate: opened.gate,
      incident: opened.incident,
      state: 'approved',
      approvals: 1,
      required: 1,
    })
    const [row] = await readDecisions(world.engine, opened.gate)
    expect(tokens).toEqual([row!.token])
    expect(await deps().keyring.verify(row!.token)).toMatchObject({
      gate: opened.gate,
      proposalDigest: opened.digest,
      decision: 'approve',
      person: 'operator',
      comment: 'go on',
    })
    expect(await resolveGateRow(world.engine, opened.gate)).toEqual({ state: 'approved', targets: ['a', 'b', 'c'] })
    expect((await readEvents(world.engine, opened.incident)).at(-1)).toMatchObject({
      kind: 'decision',
      actor: 'person:operator',
      data: { decision: 'approve', proposalDigest: opened.digest },
    })
  })

  test('that is repeated, also at the same moment, is one decision and wakes the workflow once', async () => {
    const opened = await propose(world)
    const together = await Promise.all([
      decideAs('operator', opened),
      decideAs('operator', opened),
      decideAs('operator', opened),
    ])
    for (const one of together) expect(one).toMatchObject({ state: 'approved', approvals: 1 })
    expect(await decideAs('operator', opened)).toMatchObject({ state: 'approved', approvals: 1 })
    expect(wakeUpsOf(opened)).toBe(1)
    expect(await kinds(opened.incident)).toEqual(['opened', 'findings', 'proposal', 'decision'])
  })

  test('is stored even if the wake-up signal is lost', async () => {
    const opened = await propose(world)
    const lost = deps({ wakeWorkflow: () => Promise.reject(new Error('Temporal is down')) })
    const request = { gate: opened.gate, proposalDigest: opened.digest, decision: 'approve' } as const
    expect(await decide(lost, people.operator!, request)).toMatchObject({ state: 'approved' })
  })

  test('can cover some of the targets', async () => {
    const opened = await propose(world)
    await decideAs('operator', opened, { targets: ['c', 'a'] })
    expect(await resolveGateRow(world.engine, opened.gate)).toEqual({ state: 'approved', targets: ['a', 'c'] })
  })

  test('of a person who may only read is refused, whatever their groups', async () => {
    const opened = await propose(world)
    const request = { gate: opened.gate, proposalDigest: opened.digest } as const
    const operator = { ...people.operator!, role: 'viewer' as const }
    const viewers = deps({ people: { ...people, operator } })
    for (const decision of ['approve', 'reject'] as const)
      await expect(decide(viewers, operator, { ...request, decision })).rejects.toMatchObject({
        code: 'RUNBOOK_NOT_ALLOWED',
        message: expect.stringContaining('operator has the role "viewer", which may only read'),
      })
    expect(await stateOf(opened)).toBe('open')
  })

  test('that rejects ends the gate, even after an approval that did not reach the quorum', async () => {
    const opened = await propose(world, { approval: { count: 2 } })
    expect(await decideAs('operator', opened)).toMatchObject({ state: 'open', approvals: 1, required: 2 })
    expect(await decideAs('lead', opened, { decision: 'reject', nextCause: true })).toMatchObject({ state: 'rejected' })
    expect(await resolveGateRow(world.engine, opened.gate)).toEqual({ state: 'rejected', nextCause: true, by: 'lead' })
    await expect(decideAs('operator', opened, { targets: ['a'] })).rejects.toMatchObject({ code: 'RUNBOOK_CONFLICT' })
  })

  test('conflicts with an opposite decision at the same moment: one is stored, the other is refused', async () => {
    for (let i = 0; i < 5; i += 1) {
      const opened = await propose(world)
      const results = await Promise.allSettled([
        decideAs('operator', opened),
        decideAs('lead', opened, { decision: 'reject' }),
      ])
      expect(results.filter((one) => one.status === 'fulfilled')).toHaveLength(1)
      expect(await readDecisions(world.engine, opened.gate)).toHaveLength(1)
      expect(await stateOf(opened)).toBe(results[0].status === 'fulfilled' ? 'approved' : 'rejected')
    }
  })
})

describe('a quorum of two', () => {
  test('needs two people: two decisions of the same person count once', async () => {
    const opened = await propose(world, { approval: { count: 2 } })
    await decideAs('operator', opened)
    expect(await decideAs('operator', opened, { targets: ['a', 'b'] })).toMatchObject({ state: 'open', approvals: 1 })
    expect(await resolveGateRow(world.engine, opened.gate)).toMatchObject({ state: 'open' })
    expect(await decideAs('lead', opened)).toMatchObject({ state: 'approved', approvals: 2 })
    // The operator's later decision, for some targets, replaced the earlier one.
    expect(await resolveGateRow(world.engine, opened.gate)).toEqual({ state: 'approved', targets: ['a', 'b'] })
  })

  test('is reached by two people who decide at the same moment', async () => {
    const opened = await propose(world, { approval: { count: 2 } })
    const decisions = await Promise.all([decideAs('operator', opened), decideAs('lead', opened)])
    expect(decisions.map((one) => one.state).sort()).toEqual(['approved', 'open'])
  })

  test('is not reached by two people who approve different targets', async () => {
    const opened = await propose(world, { approval: { count: 2 } })
    await decideAs('operator', opened, { targets: ['a'] })
    expect(await decideAs('lead', opened, { targets: ['b'] })).toMatchObject({ state: 'open', approvals: 2 })
  })
})

describe('a decision is refused, and the refusal is recorded,', () => {
  /** The error, whether the refusal was recorded, and whether the gate's state changed. */
  async function refusal(opened: OpenedTestGate, decision: Promise<unknown>) {
    const before = await stateOf(opened)
    const error = await decision.then(
      () => ({ code: 'accepted', message: '' }),
      (thrown: { code: string; message: string }) => ({ code: thrown.code, message: thrown.message }),
    )
    const last = (await readEvents(world.engine, opened.incident)).at(-1)!
    const denied = last.kind === 'denied' && last.data.code === error.code
    return { ...error, denied, changed: (await stateOf(opened)) !== before, wakeUps: wakeUpsOf(opened) }
  }

  const refused = (code: string, why: RegExp) => ({
    code,
    message: expect.stringMatching(why),
    denied: true,
    changed: false,
    wakeUps: 0,
  })

  test.each([
    ['from a person in no group', 'reader', {}, 'RUNBOOK_NOT_ALLOWED', /none of the groups/],
    [
      'from a person in another group',
      'platform',
      {},
      'RUNBOOK_NOT_ALLOWED',
      /none of the groups that may decide on this gate: oncall/,
    ],
    ['on another proposal', 'operator', { proposalDigest: 'f'.repeat(64) }, 'RUNBOOK_CONFLICT', /digest/],
    [
      'on targets that are not proposed',
      'operator',
      { targets: ['a', 'z'] },
      'RUNBOOK_CONFLICT',
      /z\. Proposed targets: a, b, c/,
    ],
  ])('%s', async (_, who, request, code, why) => {
    const opened = await propose(world)
    expect(await refusal(opened, decideAs(who, opened, request))).toEqual(refused(code, why))
  })

  test('from a person who is not configured', async () => {
    const opened = await propose(world)
    for (const name of ['stranger', 'constructor', '__proto__'])
      expect(
        await refusal(
          opened,
          decide(
            deps(),
            { name, groups: ['oncall'], keys: [] },
            { gate: opened.gate, proposalDigest: opened.digest, decision: 'approve' },
          ),
        ),
      ).toEqual(refused('RUNBOOK_NOT_ALLOWED', /not among the configured people/))
  })

  test('from the requester if the requester is excluded; a rejection is accepted', async () => {
    const opened = await propose(world, { approval: { excludeRequester: true } })
    expect(await refusal(opened, decideAs('operator', opened))).toEqual(refused('RUNBOOK_NOT_ALLOWED', /requester/))
    expect(await decideAs('operator', opened, { decision: 'reject' })).toMatchObject({ state: 'rejected' })
  })

  test('from the requester of the incident that was handed off to this one', async () => {
    const first = await accept(world, { requester: 'person:lead' })
    const second = await accept(world, { requester: `handoff:${first.incident}`, parent: first.incident })
    const opened = await propose(world, {
      incident: { requester: `handoff:${second.incident}`, parent: second.incident },
      approval: { excludeRequester: true },
    })
    expect(await refusal(opened, decideAs('lead', opened))).toEqual(refused('RUNBOOK_NOT_ALLOWED', /requester/))
    expect(await decideAs('operator', opened)).toMatchObject({ state: 'approved' })
  })

  test('after the gate expired, by the clock of the database', async () => {
    const opened = await propose(world)
    await change(`expires_at = clock_timestamp()`, opened)
    expect(await refusal(opened, decideAs('operator', opened))).toEqual(refused('RUNBOOK_CONFLICT', /expired/))
  })

  test('after the gate was decided, or the incident was cancelled or closed', async () => {
    const decided = await propose(world)
    await change(`state = 'expired'`, decided)
    expect(await refusal(decided, decideAs('operator', decided))).toEqual(refused('RUNBOOK_CONFLICT', /is expired/))
    const cancelled = await propose(world)
    await world.engine.query(`UPDATE runbook.incidents SET cancelled_at = now(), cancelled_by = 'lead' WHERE id = $1`, [
      cancelled.incident,
    ])
    expect(await refusal(cancelled, decideAs('operator', cancelled))).toEqual(refused('RUNBOOK_CONFLICT', /cancelled/))
    const closed = await propose(world)
    await closeIncident(world.engine, { incident: closed.incident, outcome: 'failed', reason: 'gone' })
    expect(await refusal(closed, decideAs('operator', closed))).toEqual(refused('RUNBOOK_CONFLICT', /voided/))
  })

  test('when the stored proposal was changed', async () => {
    const opened = await propose(world)
    await world.superuser.query('ALTER TABLE runbook.gates DISABLE TRIGGER append_only_proposal')
    await change(`proposal = replace(proposal, '"db"', '"other"')`, opened)
    await world.superuser.query('ALTER TABLE runbook.gates ENABLE TRIGGER append_only_proposal')
    expect(await refusal(opened, decideAs('operator', opened))).toEqual(refused('RUNBOOK_CONFLICT', /was changed/))
  })

  test('with text that cannot be stored; then nothing is written at all', async () => {
    const opened = await propose(world)
    for (const request of [
      { comment: 'a\u0000b' },
      { comment: 'a\ud800b' },
      { breakGlass: `${'x'.repeat(20)}\udc00` },
      { comment: 'x'.repeat(2_001) },
      { targets: ['a\u0000'] },
      { targets: ['a\ud83d'] },
      { proposalDigest: 'abc' },
    ])
      await expect(decideAs('operator', opened, request)).rejects.toMatchObject({ code: 'RUNBOOK_BAD_INPUT' })
    await expect(decideAs('operator', { ...opened, gate: 'INC-0.r1' })).rejects.toMatchObject({
      code: 'RUNBOOK_NOT_FOUND',
    })
    expect(await kinds(opened.incident)).toEqual(['opened', 'findings', 'proposal'])
  })
})

let jtis = 0

function claims({ gate, digest }: OpenedTestGate, more: Partial<DecisionClaims> = {}): DecisionClaims {
  const iat = Math.floor(Date.now() / 1000)
  return { gate, proposalDigest: digest, decision: 'approve', person: 'lead', iat, jti: `jti-${(jtis += 1)}`, ...more }
}

describe('a decision by token', () => {
  test('signed with a registered key of the person is stored once, however often it is sent', async () => {
    const opened = await propose(world)
    const token = await signClaims(claims(opened), leadsKey)
    const decided = await Promise.all([decideByToken(deps(), token), decideByToken(deps(), token)])
    for (const one of [...decided, await decideByToken(deps(), token)]) expect(one).toMatchObject({ state: 'approved' })
    expect(wakeUpsOf(opened)).toBe(1)
    expect(await readDecisions(world.engine, opened.gate)).toHaveLength(1)
  })

  test('signed with an earlier key of the engine is accepted', async () => {
    const opened = await propose(world)
    const token = await signClaims(claims(opened, { person: 'operator' }), formerKey)
    expect(await decideByToken(deps(), token)).toMatchObject({ state: 'approved' })
  })

  test('is refused when the key is unknown, or another person’s', async () => {
    const opened = await propose(world)
    const forged = [
      await signClaims(claims(opened), newSigningKey()),
      await signClaims(claims(opened, { person: 'operator' }), leadsKey),
      await signClaims(claims(opened, { person: 'constructor' }), leadsKey),
      'not.a.token',
      '',
    ]
    const [header, body, signature] = (await signClaims(claims(opened), leadsKey)).split('.') as [
      string,
      string,
      string,
    ]
    const none = Buffer.from('{"alg":"none","typ":"runbook-decision+jwt"}').toString('base64url')
    const more = Buffer.from(JSON.stringify({ ...claims(opened), aud: 'runbook-gate' })).toString('base64url')
    forged.push(`${none}.${body}.`, `${header}.${more}.${signature}`)
    for (const token of forged)
      await expect(decideByToken(deps(), token)).rejects.toMatchObject({ code: 'RUNBOOK_NOT_AUTHENTICATED' })
    expect(await stateOf(opened)).toBe('open')
  })

  test('is refused when its claims are not a valid decision', async () => {
    const opened = await propose(world)
    for (const invalid of [
      { targets: 'abc' },
      { targets: [1] },
      { decision: 'perhaps' },
      { nextCause: 'yes' },
      { gate: 7 },
      { jti: '' },
      { jti: 'a b' },
      { comment: '\u0000' },
      { comment: '\ud800' },
      { targets: ['\ud800'] },
      { proposalDigest: null },
      { breakGlass: true },
      { nextCause: true },
      { targets: [] },
    ]) {
      const token = await signClaims({ ...claims(opened), ...invalid } as unknown as DecisionClaims, leadsKey)
      await expect(decideByToken(deps(), token)).rejects.toMatchObject({ code: 'RUNBOOK_BAD_INPUT' })
    }
    expect(await stateOf(opened)).toBe('open')
  })

  test('is refused when its jti was already used, for this gate or another', async () => {
    const [one, other] = [await propose(world, { approval: { count: 2 } }), await propose(world)]
    await decideByToken(deps(), await signClaims(claims(one, { jti: 'used', targets: ['a'] }), leadsKey))
    for (const again of [
      claims(one, { jti: 'used' }),
      claims(one, { jti: 'used', decision: 'reject' }),
      claims(other, { jti: 'used' }),
    ])
      await expect(decideByToken(deps(), await signClaims(again, leadsKey))).rejects.toMatchObject({
        code: 'RUNBOOK_CONFLICT',
        message: expect.stringContaining('jti'),
      })
    expect([await stateOf(one), await stateOf(other)]).toEqual(['open', 'open'])
  })

  test('that repeats a stored decision is used up by that: it does not count after the decision is withdrawn', async () => {
    const opened = await propose(world, { approval: { count: 2 } })
    await decideByToken(deps(), await signClaims(claims(opened), leadsKey))
    const again = await signClaims(claims(opened), leadsKey)
    expect(await decideByToken(deps(), again)).toMatchObject({ state: 'open', approvals: 1 })
    await withdraw({ database: world.engine, wakeWorkflow: async () => {} }, people.lead!, { gate: opened.gate })
    await decideByToken(deps(), again)
    await decideAs('operator', opened)
    expect(await resolveGateRow(world.engine, opened.gate)).toMatchObject({ state: 'open' })
  })

  test('that repeats the decision after the gate was approved returns the state of the gate and changes nothing', async () => {
    const opened = await propose(world)
    await decideByToken(deps(), await signClaims(claims(opened), leadsKey))
    const before = await kinds(opened.incident)
    const again = await signClaims(claims(opened), leadsKey)
    expect(await decideByToken(deps(), again)).toMatchObject({ state: 'approved', approvals: 1 })
    expect(await kinds(opened.incident)).toEqual(before)
  })

  test('that was replaced by a later one does not count when it is sent again', async () => {
    const opened = await propose(world, { approval: { count: 2 } })
    const wide = await signClaims(claims(opened), leadsKey)
    await decideByToken(deps(), wide)
    await decideByToken(deps(), await signClaims(claims(opened, { targets: ['a'] }), leadsKey))
    await decideByToken(deps(), wide)
    await decideAs('operator', opened)
    expect(await resolveGateRow(world.engine, opened.gate)).toEqual({ state: 'approved', targets: ['a'] })
  })
})

describe('resolving a gate', () => {
  test('an unanswered gate is widened once, to the groups of escalateTo, and then expires', async () => {
    const opened = await propose(world, { approval: { onTimeout: 'escalate' }, isOverdue: true })
    expect(await resolveGateRow(world.engine, opened.gate)).toMatchObject({ state: 'open', escalated: false })
    await expect(decideAs('platform', opened)).rejects.toMatchObject({ code: 'RUNBOOK_NOT_ALLOWED' })
    await change(`expires_at = clock_timestamp()`, opened)
    const [widened] = await Promise.all([
      resolveGateRow(world.engine, opened.gate),
      resolveGateRow(world.engine, opened.gate),
    ])
    expect(widened).toMatchObject({ state: 'open', escalated: true })
    expect((widened as { expiresInMs: number }).expiresInMs).toBeGreaterThan(50_000)
    expect(
      (await readEvents(world.engine, opened.incident)).filter((one) => one.place === 'r1/gate/escalated'),
    ).toHaveLength(1)
    await change(`expires_at = clock_timestamp()`, opened)
    const expired = { state: 'expired', why: 'twice unanswered' }
    expect(
      await Promise.all([resolveGateRow(world.engine, opened.gate), resolveGateRow(world.engine, opened.gate)]),
    ).toEqual([expired, expired])
  })

  test('the groups of escalateTo can decide on a widened gate', async () => {
    const opened = await propose(world, { approval: { onTimeout: 'escalate' }, isOverdue: true })
    await change(`expires_at = clock_timestamp()`, opened)
    await resolveGateRow(world.engine, opened.gate)
    expect(await decideAs('platform', opened)).toMatchObject({ state: 'approved' })
  })

  test('escalated_at is ignored before the expiry of the proposal, and for a gate that rejects on timeout', async () => {
    const early = await propose(world, { approval: { onTimeout: 'escalate' } })
    const other = await propose(world, { isOverdue: true })
    for (const opened of [early, other]) {
      await change(`escalated_at = clock_timestamp()`, opened)
      await expect(decideAs('platform', opened)).rejects.toMatchObject({ code: 'RUNBOOK_NOT_ALLOWED' })
    }
  })

  test('if an action is done once for all targets, only all targets can be approved together', async () => {
    const opened = await propose(world, { approval: { inPart: false } })
    await expect(decideAs('operator', opened, { targets: ['a', 'b'] })).rejects.toMatchObject({
      code: 'RUNBOOK_CONFLICT',
      message: expect.stringContaining('once for all'),
    })
    expect(await decideAs('operator', opened, { targets: ['a', 'b', 'c'] })).toMatchObject({ state: 'approved' })
  })

  test('an unanswered gate that rejects on timeout expires and is not approved', async () => {
    const opened = await propose(world)
    await change(`expires_at = clock_timestamp()`, opened)
    expect(await resolveGateRow(world.engine, opened.gate)).toEqual({
      state: 'expired',
      why: 'nobody answered in time',
    })
    await expect(decideAs('operator', opened)).rejects.toMatchObject({ code: 'RUNBOOK_CONFLICT' })
  })

  test.each(['reject', 'escalate'] as const)(
    'after its time, with onTimeout %s, keeps a decision that was made in time, with its targets and comment',
    async (onTimeout) => {
      const approved = await propose(world, { approval: { onTimeout } })
      await decideAs('lead', approved, { targets: ['a'], comment: 'only the first' })
      const rejected = await propose(world, { approval: { onTimeout } })
      await decideAs('lead', rejected, { decision: 'reject', comment: 'wait for the region' })
      for (const [opened, expected, comment] of [
        [approved, { state: 'approved', targets: ['a'] }, 'only the first'],
        [rejected, { state: 'rejected', nextCause: false, by: 'lead' }, 'wait for the region'],
      ] as const) {
        const decisions = await readDecisions(world.engine, opened.gate)
        const events = await kinds(opened.incident)
        await change(`expires_at = clock_timestamp() - interval '1 hour'`, opened)
        // A timer that was left over can fire more than once.
        for (let fired = 0; fired < 2; fired += 1)
          expect(await resolveGateRow(world.engine, opened.gate)).toEqual(expected)
        expect(await readDecisions(world.engine, opened.gate)).toEqual(decisions)
        expect(decisions).toMatchObject([{ person: 'lead', comment, withdrawnAt: null }])
        expect(await kinds(opened.incident)).toEqual(events)
      }
    },
  )

  test('the state that people see is by the clock: overdue or cancelling before anybody records it', async () => {
    const [late, cancelled, widened] = [
      await propose(world),
      await propose(world),
      await propose(world, { approval: { onTimeout: 'escalate' }, isOverdue: true }),
    ]
    const shown = async ({ gate }: OpenedTestGate) => {
      const { state, stateNow } = await readGate(world.engine, gate)
      return { state, stateNow }
    }
    expect(await shown(late)).toEqual({ state: 'open', stateNow: 'open' })
    for (const opened of [late, widened]) await change(`expires_at = clock_timestamp()`, opened)
    await world.engine.query(`UPDATE runbook.incidents SET cancelled_at = now(), cancelled_by = 'lead' WHERE id = $1`, [
      cancelled.incident,
    ])
    expect(await shown(late)).toEqual({ state: 'open', stateNow: 'overdue' })
    expect(await shown(cancelled)).toEqual({ state: 'open', stateNow: 'cancelling' })
    expect(whyInState(await readGate(world.engine, widened.gate))).toBe(
      'the time to decide is over; a worker will ask platform too',
    )
    for (const opened of [late, cancelled, widened]) {
      await expect(decideAs('operator', opened)).rejects.toMatchObject({ code: 'RUNBOOK_CONFLICT' })
      await resolveGateRow(world.engine, opened.gate)
    }
    expect(await shown(late)).toEqual({ state: 'expired', stateNow: 'expired' })
    expect(await shown(cancelled)).toEqual({ state: 'cancelled', stateNow: 'cancelled' })
    expect(await shown(widened)).toEqual({ state: 'open', stateNow: 'open' })
    expect(await decideAs('platform', widened)).toMatchObject({ state: 'approved' })
  })

  test('an approval without a permit lapses; an approval with a permit does not', async () => {
    const [unused, used] = [await propose(world), await propose(world)]
    for (const opened of [unused, used]) {
      await decideAs('operator', opened)
      await change(`decided_at = clock_timestamp() - interval '61 seconds'`, opened)
    }
    await world.superuser.query(
      `INSERT INTO runbook.permits (gate, target, remedy, lease, fence) VALUES ($1, 'a', 'm', 'l', 1)`,
      [used.gate],
    )
    expect(await resolveGateRow(world.engine, unused.gate)).toMatchObject({ state: 'lapsed' })
    expect(await resolveGateRow(world.engine, used.gate)).toMatchObject({ state: 'approved' })
  })

  test('a gate of a cancelled incident is cancelled, decided or not, unless it already has a permit', async () => {
    const gates = [await propose(world), await propose(world), await propose(world)]
    const [, approved, used] = gates
    for (const opened of [approved!, used!]) await decideAs('operator', opened)
    await world.superuser.query(
      `INSERT INTO runbook.permits (gate, target, remedy, lease, fence) VALUES ($1, 'a', 'm', 'l', 1)`,
      [used!.gate],
    )
    const states = []
    for (const { incident, gate } of gates) {
      await world.engine.query(
        `UPDATE runbook.incidents SET cancelled_at = now(), cancelled_by = 'lead' WHERE id = $1`,
        [incident],
      )
      states.push((await resolveGateRow(world.engine, gate)).state)
    }
    expect(states).toEqual(['cancelled', 'cancelled', 'approved'])
    expect(await resolveGateRow(world.engine, gates[0]!.gate)).toEqual({ state: 'cancelled', why: 'cancelled by lead' })
  })
})

describe('opening a gate', () => {
  test('a second time for one round, after a crash, returns the stored proposal', async () => {
    const opened = await propose(world)
    const { proposal } = await readGate(world.engine, opened.gate)
    const again = await openGate(world.engine, {
      proposal: { ...proposal, because: 'Something else' },
      findings: [],
      withinMs: 1,
      requesterExcluded: false,
      policy: NO_POLICY,
    })
    expect(again).toMatchObject({
      opened: true,
      proposalDigest: opened.digest,
      proposal: { because: '3 things are bad' },
    })
  })

  test('is refused if another proposal is already stored under the id of the round', async () => {
    const opened = await propose(world)
    const { proposal } = await readGate(world.engine, opened.gate)
    const other = {
      ...proposal,
      actions: proposal.actions.map((one) => ({ ...one, with: { connection: 'salaries' } })),
    }
    const opening = { findings: [], withinMs: 1, requesterExcluded: false, policy: NO_POLICY }
    await expect(openGate(world.engine, { ...opening, proposal: other })).rejects.toThrow(/already exists/)
  })

  test.each([
    ['with weaker terms', /was not stored by this engine: the terms of the approval differ from the plan/, true],
    ['without an event', /was not stored by this engine: the incident has no event/, false],
  ])('is refused at once if somebody inserted its row before, %s', async (_, message, withEvent) => {
    const { proposal } = await readGate(world.engine, (await propose(world)).gate)
    const { incident } = await accept(world, { planDigest: proposal.planDigest })
    const gate = `${incident}.r1`
    const wanted = { ...proposal, incident, gate }
    const inserted = { ...wanted, approval: { ...wanted.approval, ...(withEvent ? { by: ['interns'] } : {}) } }
    const text = canonical(inserted as unknown as Json)
    await world.engine.query(
      `INSERT INTO runbook.gates (id, incident, round, remedy, proposal, proposal_digest, state, auto, within_ms, opened_at, expires_at)
       VALUES ($1, $2, 1, $3, $4, $5, 'open', false, 60000, now(), now() + interval '1 minute')`,
      [gate, incident, proposal.remedy, text, sha256Hex(text)],
    )
    const data = {
      gate,
      remedy: proposal.remedy,
      title: '',
      cause: '',
      proposalDigest: sha256Hex(text),
      targets: ['a'],
    }
    const further = { affected: 1, auto: false, withinMs: 60_000, expiresAt: proposal.expiresAt }
    if (withEvent)
      await recordEvents(world.engine, incident, [
        { place: 'r1/proposal', actor: 'engine', kind: 'proposal', data: { ...data, ...further } },
      ])
    const opening = { findings: [], withinMs: 60_000, requesterExcluded: false, policy: NO_POLICY }
    await expect(openGate(world.engine, { ...opening, proposal: wanted })).rejects.toThrow(message)
  })

  test.each([
    ['approvers', { approval: { by: ['interns'] } }],
    ['limits', { limits: { maxTargets: 500 } }],
    ['remedy', { remedy: 'drop-everything' }],
  ])('with other %s than the incident’s plan is refused', async (_, forgery) => {
    const opened = await propose(world)
    const { proposal } = await readGate(world.engine, opened.gate)
    const forged = {
      ...proposal,
      ...forgery,
      approval: { ...proposal.approval, ...(forgery as { approval?: object }).approval },
    }
    const { incident } = await accept(world, { planDigest: proposal.planDigest })
    const request = {
      proposal: { ...forged, incident, gate: `${incident}.r1` },
      findings: [],
      withinMs: 1,
      requesterExcluded: false,
      policy: NO_POLICY,
    }
    await expect(openGate(world.engine, request)).rejects.toThrow(/does not match the incident's plan/)
    const gates = await world.engine.query('SELECT FROM runbook.gates WHERE incident = $1', [incident])
    expect(gates.rowCount).toBe(0)
  })
})
