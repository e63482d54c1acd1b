import { NO_POLICY } from '../../src/core/policy.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { People } from '../../src/core/person.ts'
import { decide, decideByToken } from '../../src/gate/decide.ts'
import { readDecisions, readGate } from '../../src/gate/gates.ts'
import { newSigningKey, openKeyring } from '../../src/gate/keyring.ts'
import { resolveGateRow } from '../../src/gate/gate-resolution.ts'
import { withdraw } from '../../src/gate/withdraw.ts'
import { closeIncident } from '../../src/history/close.ts'
import { readEvents } from '../../src/history/incidents.ts'
import { recordEvents } from '../../src/history/record.ts'
import { openEngineWorld, propose, type EngineWorld, type OpenedTestGate } from '../support/engine-world.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'

let world: EngineWorld
let wakeUps: string[] = []
const people: People = Object.fromEntries(
  ['operator', 'lead', 'third'].map((name) => [name, { name, groups: ['oncall'], keys: [] }]),
)
const keyring = openKeyring({ key: newSigningKey() }, people)

beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})
afterAll(() => world?.close())

const wakeWorkflow = async (incident: string) => void wakeUps.push(incident)
const deps = () => ({ database: world.engine, keyring, people, policy: NO_POLICY, wakeWorkflow })
const approve = (who: string, { gate, digest }: OpenedTestGate, targets?: string[]) =>
  decide(deps(), people[who]!, { gate, proposalDigest: digest, decision: 'approve', ...(targets ? { targets } : {}) })
const withdrawAs = (who: string, { gate }: OpenedTestGate) => withdraw(deps(), people[who]!, { gate, comment: 'wrong' })
const lastEvent = async ({ incident }: OpenedTestGate) => (await readEvents(world.engine, incident)).at(-1)

async function permit({ gate, incident }: OpenedTestGate, target = 'a') {
  const data = { round: 1, holds: true as const, because: '', targets: ['a', 'b', 'c'], skipped: {} }
  const place = 'r1/recheck1'
  const [recheck] = await recordEvents(world.engine, incident, [{ place, actor: 'engine', kind: 'recheck', data }])
  const rules = { keyring, people, isAutoApproved: () => false, requesterMayApprove: true, policy: NO_POLICY }
  return takeProposedPermit(world.engine, rules, { gate, target, recheckedAt: recheck!.at, leaseMs: 1_000 })
}

test('a withdrawal below the quorum leaves the gate open, and the approval no longer counts', async () => {
  const opened = await propose(world, { approval: { count: 2 } })
  await approve('operator', opened)
  expect(await withdrawAs('operator', opened)).toMatchObject({ state: 'open' })
  expect(await lastEvent(opened)).toMatchObject({
    kind: 'withdrawal',
    actor: 'person:operator',
    data: { comment: 'wrong' },
  })
  expect(await approve('lead', opened)).toMatchObject({ state: 'open', approvals: 1 })
  expect(await approve('operator', opened)).toMatchObject({ state: 'approved', approvals: 2 })
})

test('an approved gate that loses its quorum becomes withdrawn, wakes the workflow, and gets no permit', async () => {
  const opened = await propose(world)
  await approve('operator', opened)
  wakeUps = []
  expect(await withdrawAs('operator', opened)).toMatchObject({ state: 'withdrawn' })
  expect(wakeUps).toEqual([opened.incident])
  expect(await resolveGateRow(world.engine, opened.gate)).toEqual({
    state: 'withdrawn',
    why: 'operator withdrew the approval',
  })
  expect(await permit(opened)).toMatchObject({ granted: false, reason: 'withdrawn' })
  await expect(approve('lead', opened)).rejects.toThrow('no decision is possible any more')
})

test('a gate stays approved for the targets that the remaining people approve', async () => {
  const opened = await propose(world, { approval: { count: 2 }, targets: [{ key: 'a' }, { key: 'b' }] })
  await approve('operator', opened, ['a'])
  await approve('lead', opened, ['b'])
  expect(await approve('third', opened)).toMatchObject({ state: 'approved' })
  expect(await withdrawAs('lead', opened)).toMatchObject({ state: 'approved' })
  expect((await readGate(world.engine, opened.gate)).approvedTargets).toEqual(['a'])
  expect(await permit(opened, 'b')).toMatchObject({ granted: false, reason: 'not-approved' })
  expect(await permit(opened, 'a')).toMatchObject({ granted: true })
})

test('a withdrawal after the first permit is refused and recorded', async () => {
  const opened = await propose(world)
  await approve('operator', opened)
  expect(await permit(opened)).toMatchObject({ granted: true })
  await expect(withdrawAs('operator', opened)).rejects.toThrow(
    'too late to withdraw: a permit was already issued for a',
  )
  expect(await lastEvent(opened)).toMatchObject({
    kind: 'denied',
    data: { decision: 'withdraw', code: 'RUNBOOK_CONFLICT' },
  })
  expect((await readDecisions(world.engine, opened.gate))[0]!.withdrawnAt).toBeNull()
})

test('of a permit and a withdrawal at the same moment exactly one succeeds', async () => {
  const outcomes = { permitted: 0, withdrawn: 0 }
  for (let i = 0; i < 20; i += 1) {
    const opened = await propose(world)
    await approve('operator', opened)
    const [permitted, withdrawn] = await Promise.all([
      permit(opened),
      withdrawAs('operator', opened).then(
        () => true,
        () => false,
      ),
    ])
    expect(permitted.granted).not.toBe(withdrawn)
    outcomes[withdrawn ? 'withdrawn' : 'permitted'] += 1
  }
  expect(outcomes.permitted + outcomes.withdrawn).toBe(20)
})

test.each([
  [
    'somebody else’s',
    async (opened: OpenedTestGate) => withdrawAs('lead', opened),
    'lead has no decision on this gate',
  ],
  [
    'a rejection, whose round is over',
    async (opened: OpenedTestGate) => {
      const { gate, digest } = await propose(world)
      await decide(deps(), people.operator!, { gate, proposalDigest: digest, decision: 'reject' })
      return withdrawAs('operator', { ...opened, gate })
    },
    'its round is over',
  ],
  [
    'of a closed incident',
    async (opened: OpenedTestGate) => {
      await closeIncident(world.engine, { incident: opened.incident, outcome: 'failed', reason: 'x' })
      return withdrawAs('operator', opened)
    },
    'the incident is closed',
  ],
])('a decision cannot be withdrawn: %s', async (_, attempt, why) => {
  const opened = await propose(world)
  await approve('operator', opened)
  await expect(attempt(opened)).rejects.toThrow(why)
})

test('the token of a withdrawn decision no longer counts', async () => {
  const opened = await propose(world, { approval: { count: 2 } })
  await approve('operator', opened)
  const { token } = (await readDecisions(world.engine, opened.gate))[0]!
  await withdrawAs('operator', opened)
  expect(await decideByToken(deps(), token)).toMatchObject({ state: 'open', approvals: 0 })
  expect(await approve('lead', opened)).toMatchObject({ state: 'open', approvals: 1 })
})
