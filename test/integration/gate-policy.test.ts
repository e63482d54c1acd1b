import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import type { Json } from '../../src/core/json.ts'
import type { People } from '../../src/core/person.ts'
import { NO_POLICY, type Policy, type PolicyRule } from '../../src/core/policy.ts'
import type { Proposal } from '../../src/core/proposal.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { finishManual } from '../../src/engine/finish-manual.ts'
import type { DoneRequest } from '../../src/engine/requests.ts'
import { decide, decideByToken } from '../../src/gate/decide.ts'
import type { DecisionRequest } from '../../src/gate/decision-schema.ts'
import { readGate } from '../../src/gate/gates.ts'
import { newSigningKey, openKeyring, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import { recordAuthors } from '../../src/history/plans.ts'
import { recordEvents } from '../../src/history/record.ts'
import { openEngineWorld, propose, type EngineWorld, type OpenedTestGate } from '../support/engine-world.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'

const aliceKey = newSigningKey()
const people: People = {
  alice: { name: 'alice', groups: ['oncall'], keys: [publicKeyOf(aliceKey)] },
  bob: { name: 'bob', groups: ['oncall'], keys: [] },
  carol: { name: 'carol', groups: ['oncall', 'viewer'], keys: [] },
  viewer: { name: 'viewer', groups: ['viewer'], keys: [] },
  leader: { name: 'leader', groups: ['incident-leads'], keys: [] },
}
const keyring = openKeyring({ key: newSigningKey() }, people)
const breakGlass = ['incident-leads']
const REASON = 'the region is down and nobody else can be reached'

const rule = (change: Partial<PolicyRule> = {}): PolicyRule => ({
  ...{ name: 'production', match: {}, by: ['oncall'], count: 1, excludeRequester: false, excludeAuthor: false },
  ...{ strength: 'login', breakGlass: false },
  ...change,
})
const policyOf = (...rules: Partial<PolicyRule>[]): Policy => ({ rules: rules.map(rule), environments: {} })

let world: EngineWorld
beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})
afterAll(() => world?.close())

const dependencies = (policy: Policy) => ({
  ...{ database: world.engine, keyring, people, breakGlass, policy },
  wakeWorkflow: async () => {},
})

function approve(opened: OpenedTestGate, who: string, policy: Policy, change: Partial<DecisionRequest> = {}) {
  const request = { gate: opened.gate, proposalDigest: opened.digest, decision: 'approve' as const, ...change }
  return decide(dependencies(policy), people[who]!, request)
}

async function approveWithOwnKey({ gate, digest }: OpenedTestGate, policy: Policy) {
  const claims = { gate, proposalDigest: digest, decision: 'approve' as const, person: 'alice' }
  const token = await signClaims({ ...claims, iat: Math.floor(Date.now() / 1000), jti: gate }, aliceKey)
  return decideByToken(dependencies(policy), token)
}

async function permit({ gate, incident }: OpenedTestGate, policy: Policy) {
  const data = { round: 1, holds: true, because: '', targets: ['a', 'b', 'c'], skipped: {} }
  const [recheck] = await recordEvents(world.engine, incident, [
    { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data },
  ])
  const rules = { keyring, people, breakGlass, policy, isAutoApproved: () => true, requesterMayApprove: true }
  const request = { gate, target: 'a', recheckedAt: recheck!.at, leaseMs: 60_000 }
  return takeProposedPermit(world.engine, rules, request)
}

const refused = (message: RegExp) => ({
  granted: false,
  reason: 'not-approved',
  message: expect.stringMatching(message),
})

/** Replaces the stored approval, as a superuser of the database without a signing key: the digest is correct. */
async function forgeApproval(
  { gate }: OpenedTestGate,
  change: (approval: Proposal['approval']) => Proposal['approval'],
) {
  const { proposal } = await readGate(world.engine, gate)
  const text = canonical({ ...proposal, approval: change(proposal.approval) } as unknown as Json)
  const client = await world.superuser.connect()
  await client.query('SET session_replication_role = replica')
  await client.query('UPDATE runbook.gates SET proposal = $2, proposal_digest = $3 WHERE id = $1', [
    ...[gate, text, sha256Hex(text)],
  ])
  client.release(true)
  return { ...(await readGate(world.engine, gate)), digest: sha256Hex(text) }
}

function omitPolicy(approval: Proposal['approval']): Proposal['approval'] {
  const rest = { ...approval }
  delete rest.policy
  return rest
}

describe('a runbook of a viewer that lets viewers approve', () => {
  const policy = policyOf({})
  const theirs = { approval: { by: ['viewer'] }, incident: { requester: 'person:viewer' } }

  test('cannot be approved by them, where the policy demands others', async () => {
    const opened = await propose(world, { ...theirs, policy })
    await expect(approve(opened, 'viewer', policy)).rejects.toThrow(
      /viewer is in none of the groups that policy rule "production" demands: oncall/,
    )
    await expect(approve(opened, 'bob', policy)).rejects.toThrow(/none of the groups that may decide/)
    expect(await approve(opened, 'carol', policy)).toMatchObject({ state: 'approved' })
    expect(await permit(opened, policy)).toMatchObject({ granted: true })
  })

  test('gets no permit on an approval that was given before there was a policy', async () => {
    const opened = await propose(world, theirs)
    await approve(opened, 'viewer', NO_POLICY)
    expect(await permit(opened, policy)).toMatchObject(
      refused(/no quorum.*policy rule "production": 1 person of oncall/),
    )
    expect(await permit(opened, NO_POLICY)).toMatchObject({ granted: true })
  })

  test('gets neither an approval nor a permit with a stored proposal from which somebody removed the policy', async () => {
    const opened = await propose(world, { ...theirs, policy })
    const forged = await forgeApproval(opened, omitPolicy)
    await expect(approve({ ...opened, digest: forged.digest }, 'viewer', policy)).rejects.toThrow(/policy rule/)
    await approve({ ...opened, digest: forged.digest }, 'viewer', NO_POLICY)
    expect(await permit(opened, policy)).toMatchObject(refused(/policy rule "production"/))
  })
})

describe('the number of people', () => {
  const two = policyOf({ count: 2 })

  test('is the greater one, of two different people', async () => {
    const opened = await propose(world, { policy: two })
    expect(await approve(opened, 'alice', two)).toMatchObject({ state: 'open', approvals: 1, required: 2 })
    expect(await approve(opened, 'bob', two)).toMatchObject({ state: 'approved' })
    expect(await permit(opened, two)).toMatchObject({ granted: true })
    const stricter = await propose(world, { policy: policyOf({}), approval: { count: 2 } })
    expect(await approve(stricter, 'alice', policyOf({}))).toMatchObject({ state: 'open', required: 2 })
  })

  test('that was raised after the approval holds the permit back, and no further approval is taken on the old terms', async () => {
    const opened = await propose(world)
    await approve(opened, 'alice', NO_POLICY)
    expect(await permit(opened, two)).toMatchObject(refused(/2 people of oncall/))
    const open = await propose(world)
    await expect(approve(open, 'alice', two)).rejects.toThrow(/now demands 2 people, more than when this was proposed/)
  })

  test('that was lowered after the gate opened does not loosen it', async () => {
    const opened = await propose(world, { policy: two })
    expect(await approve(opened, 'alice', NO_POLICY)).toMatchObject({ state: 'open', required: 2 })
    await world.superuser.query(
      `UPDATE runbook.gates SET state = 'approved', decided_at = now(), approved_targets = '{a}' WHERE id = $1`,
      [opened.gate],
    )
    expect(await permit(opened, NO_POLICY)).toMatchObject(refused(/no quorum/))
    const forged = await forgeApproval(await propose(world, { policy: two }), (approval) => ({ ...approval, count: 1 }))
    expect(await permit({ ...forged, gate: forged.id }, two)).toMatchObject({ granted: false })
  })
})

test('all rules that match apply together, and a rule that matches nothing changes nothing', async () => {
  const both = policyOf(
    {},
    { name: 'data', by: ['viewer'], match: { kind: ['sql.*'], connection: ['db'] } },
    { name: 'other', by: ['nobody'], match: { connection: ['other'] } },
  )
  const opened = await propose(world, { policy: both })
  expect((await readGate(world.engine, opened.gate)).proposal.approval.policy).toMatchObject({
    ...{ rules: ['production', 'data'], groups: [['oncall'], ['viewer']] },
  })
  await expect(approve(opened, 'alice', both)).rejects.toThrow(/demands: viewer/)
  expect(await approve(opened, 'carol', both)).toMatchObject({ state: 'approved' })
  const unmatched = policyOf({ by: ['nobody'], match: { connection: ['other'] } })
  const free = await propose(world, { policy: unmatched })
  expect((await readGate(world.engine, free.gate)).proposal.approval).not.toHaveProperty('policy')
  expect(await approve(free, 'alice', unmatched)).toMatchObject({ state: 'approved' })
})

describe('excluded people', () => {
  test('the requester, also where the runbook and the rest of the configuration let them approve', async () => {
    const policy = policyOf({ excludeRequester: true })
    const opened = await propose(world, { policy, incident: { requester: 'person:alice' } })
    await expect(approve(opened, 'alice', policy)).rejects.toThrow(/opened the incident/)
    expect(await approve(opened, 'bob', policy)).toMatchObject({ state: 'approved' })
  })

  test('the author of the runbook, as stored with the plan, at the gate and at the permit', async () => {
    const policy = policyOf({ excludeAuthor: true })
    const opened = await propose(world, { policy, authors: ['alice'] })
    await expect(approve(opened, 'alice', policy)).rejects.toThrow(/alice changed this runbook/)
    expect(await approve(opened, 'bob', policy)).toMatchObject({ state: 'approved' })
    expect(await permit(opened, policy)).toMatchObject({ granted: true })
    const before = await propose(world, { authors: ['alice'] })
    await approve(before, 'alice', NO_POLICY)
    expect(await permit(before, policy)).toMatchObject(refused(/not the author of the runbook \(alice\)/))
  })

  test('an author who became known after the approval', async () => {
    const policy = policyOf({ excludeAuthor: true })
    const opened = await propose(world, { policy, authors: ['viewer'] })
    await approve(opened, 'alice', policy)
    await recordAuthors(world.engine, (await readGate(world.engine, opened.gate)).proposal.planDigest, ['alice'])
    expect(await permit(opened, policy)).toMatchObject(refused(/not the author of the runbook \(viewer, alice\)/))
  })

  test('everybody, where the author is unknown', async () => {
    const policy = policyOf({ excludeAuthor: true })
    const opened = await propose(world, { policy })
    await expect(approve(opened, 'alice', policy)).rejects.toThrow(/nobody knows who that is: commit the runbook/)
  })
})

test('a policy that demands a signed approval is satisfied by the person’s own key alone', async () => {
  const policy = policyOf({ strength: 'signed' })
  const opened = await propose(world, { policy })
  await expect(approve(opened, 'alice', policy)).rejects.toThrow(/signed with a key of their own: use "runbook sign"/)
  expect(await approveWithOwnKey(opened, policy)).toMatchObject({ state: 'approved' })
  expect(await permit(opened, policy)).toMatchObject({ granted: true })
  const before = await propose(world)
  await approve(before, 'alice', NO_POLICY)
  expect(await permit(before, policy)).toMatchObject(refused(/signed with their own key/))
})

describe('break-glass', () => {
  test('is refused where a rule that matches does not allow it, also after it was done', async () => {
    const policy = policyOf({ breakGlass: true }, { name: 'never alone' })
    const opened = await propose(world, { policy })
    await expect(approve(opened, 'leader', policy, { breakGlass: REASON })).rejects.toThrow(
      /does not allow anybody to approve this remedy alone/,
    )
    const before = await propose(world)
    await approve(before, 'leader', NO_POLICY, { breakGlass: REASON })
    expect(await permit(before, policy)).toMatchObject(refused(/policy rules "production", "never alone"/))
  })

  test('replaces groups, number and exclusions where every rule allows it', async () => {
    const policy = policyOf({ breakGlass: true, count: 3, excludeAuthor: true })
    const opened = await propose(world, { policy })
    expect(await approve(opened, 'leader', policy, { breakGlass: REASON })).toMatchObject({ state: 'approved' })
    expect(await permit(opened, policy)).toMatchObject({ granted: true })
  })
})

describe('a remedy with approval: auto that the configuration allows', () => {
  const auto = { approval: { auto: true, by: [], validForMs: 3_600_000 } }

  test('is decided by the groups of the policy where a rule matches', async () => {
    const policy = policyOf({})
    const opened = await propose(world, { ...auto, policy })
    expect((await readGate(world.engine, opened.gate)).state).toBe('open')
    await expect(approve(opened, 'viewer', policy)).rejects.toThrow(/none of the groups/)
    await approve(opened, 'bob', policy)
    expect(await permit(opened, policy)).toMatchObject({ granted: true })
  })

  test('opens no gate without an approval, and gets no permit on one that was opened before', async () => {
    const gate = { policy: policyOf({}) }
    await expect(propose(world, { ...auto, gate })).rejects.toThrow(/policy rule "production" demands an approval/)
    const opened = await propose(world, auto)
    expect(await permit(opened, policyOf({}))).toMatchObject(refused(/the policy no longer allows.*production/))
    expect(await permit(opened, NO_POLICY)).toMatchObject({ granted: true })
  })
})

test('stored terms that are no terms are refused, with and without a policy', async () => {
  for (const odd of [{}, { groups: 'oncall' }, null]) {
    const opened = await propose(world, { policy: policyOf({}) })
    const forged = await forgeApproval(opened, (approval) => ({ ...approval, policy: odd as never }))
    const now = { ...opened, digest: forged.digest }
    for (const policy of [policyOf({}), NO_POLICY])
      await expect(approve(now, 'alice', policy)).rejects.toMatchObject({ code: 'RUNBOOK_REFUSED' })
    await world.superuser.query(
      `UPDATE runbook.gates SET state = 'approved', decided_at = now(), approved_targets = '{a}' WHERE id = $1`,
      [now.gate],
    )
    for (const policy of [policyOf({}), NO_POLICY])
      expect(await permit(now, policy)).toMatchObject(refused(/policy terms of the proposal are not valid/))
  }
})

test('a gate is not opened with other terms than those of the policy', async () => {
  const gate = { policy: policyOf({ count: 2 }) }
  await expect(propose(world, { gate })).rejects.toThrow(/terms differ from the terms of the policy/)
  await expect(propose(world, { policy: policyOf({}), gate })).rejects.toThrow(
    /terms differ from the terms of the policy/,
  )
})

describe('the answer to a manual step', () => {
  const done = { done: true, comment: 'rolled back' }
  const engineWith = (policy: Policy) =>
    ({ database: world.engine, temporal: {}, config: { policy } }) as unknown as Engine

  /** An approved gate with one manual step, which waits since the re-check. */
  async function waiting(policy: Policy) {
    const manual = { id: '0-manual', kind: 'manual', access: 'person', target: 'a', with: {} } as const
    const actions = [{ ...manual, preview: { summary: 'Roll the release back' } }]
    const opened = await propose(world, { targets: [{ key: 'a' }], proposal: { actions }, policy })
    await approve(opened, 'bob', policy)
    const data = { round: 1, holds: true, because: '', targets: ['a'], skipped: {} }
    await recordEvents(world.engine, opened.incident, [
      { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data },
    ])
    return opened.incident
  }

  test('is expected for the approved targets only, and the step can be finished after an approval of a part', async () => {
    const manual = { id: '0-manual', kind: 'manual', access: 'person', with: {} } as const
    const targets = [{ key: 'a' }, { key: 'b' }]
    const actions = targets.map(({ key }) => ({ ...manual, target: key, preview: { summary: 'Roll back' } }))
    const opened = await propose(world, { targets, proposal: { actions } })
    await approve(opened, 'bob', NO_POLICY, { targets: ['b'] })
    const data = { round: 1, holds: true, because: '', targets: ['b'], skipped: {} }
    await recordEvents(world.engine, opened.incident, [
      { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data },
    ])
    const finish = (request: DoneRequest) => finishManual(engineWith(NO_POLICY), people.bob!, opened.incident, request)
    await expect(finish({ ...done, target: 'a' })).rejects.toMatchObject({ code: 'RUNBOOK_CONFLICT' })
    expect(await finish(done)).toMatchObject({ result: 'applied' })
    await expect(finish(done)).rejects.toThrow('no manual step that waits')
  })

  const strict = policyOf({ match: { kind: ['manual'] }, by: ['incident-leads'] })

  test.each([
    ['when the gate opened', policyOf({ by: ['oncall'] }), policyOf({ by: ['oncall'] }), 'carol', 'viewer'],
    ['when the gate opened, and not any more', policyOf({ by: ['oncall'] }), NO_POLICY, 'carol', 'viewer'],
    ['only since the gate was approved', NO_POLICY, strict, 'leader', 'bob'],
  ])('comes from a member of the groups that the policy demanded %s', async (_, before, now, allowed, refusedTo) => {
    const incident = await waiting(before)
    const both = { ...people[allowed]!, groups: [...people[allowed]!.groups, 'oncall'] }
    await expect(finishManual(engineWith(now), people[refusedTo]!, incident, done)).rejects.toMatchObject({
      code: 'RUNBOOK_NOT_ALLOWED',
    })
    expect(await finishManual(engineWith(now), both, incident, done)).toMatchObject({ result: 'applied' })
  })
})
