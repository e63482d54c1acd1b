import { NO_POLICY } from '../../src/core/policy.ts'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { canonical, digest, sha256Hex } from '../../src/core/canonical.ts'
import type { Json } from '../../src/core/json.ts'
import type { People } from '../../src/core/person.ts'
import type { ProposedAction } from '../../src/core/proposal.ts'
import { recordEffect, recordIntent } from '../../src/effects/record-effect.ts'
import { switchControl } from '../../src/gate/controls.ts'
import { decide, decideByToken } from '../../src/gate/decide.ts'
import { newSigningKey, openKeyring, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import { takePermit } from '../../src/gate/permit.ts'
import type { PermitRequest, PermitRules } from '../../src/gate/permit-request.ts'
import { readGate } from '../../src/gate/gates.ts'
import { showIncident } from '../../src/engine/views/show.ts'
import { closeIncident } from '../../src/history/close.ts'
import { readEvents } from '../../src/history/incidents.ts'
import { storePlan } from '../../src/history/plans.ts'
import { evidenceBody, recordEvents, recordEvidence } from '../../src/history/record.ts'
import { openEngineWorld, propose, type EngineWorld, type OpenedTestGate } from '../support/engine-world.ts'
import { planOf } from '../support/plan-of.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'

let world: EngineWorld
const engineKey = newSigningKey()
const leadsKey = newSigningKey()
const people: People = {
  operator: { name: 'operator', groups: ['oncall'], keys: [] },
  second: { name: 'second', groups: ['oncall'], keys: [] },
  lead: { name: 'lead', groups: ['platform'], keys: [publicKeyOf(leadsKey)] },
}

beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})

afterAll(async () => {
  await world?.close()
})

function rules(
  change: { people?: People; key?: string; previous?: string[] } & Partial<PermitRules> = {},
): PermitRules {
  const known = change.people ?? people
  const signing = { key: change.key ?? engineKey, ...(change.previous ? { previous: change.previous } : {}) }
  return {
    keyring: openKeyring(signing, known),
    isAutoApproved: () => false,
    requesterMayApprove: true,
    policy: NO_POLICY,
    ...change,
    people: known,
  }
}

const noSignal = async () => {}

async function approve(opened: OpenedTestGate, who = 'operator', targets?: string[]): Promise<void> {
  const { keyring } = rules()
  const request = {
    gate: opened.gate,
    proposalDigest: opened.digest,
    decision: 'approve' as const,
    ...(targets ? { targets } : {}),
  }
  await decide(
    { database: world.engine, keyring, people, policy: NO_POLICY, wakeWorkflow: noSignal },
    people[who]!,
    request,
  )
}

/** Records a re-check as the interpreter does; returns its time. */
async function recheck({ incident }: OpenedTestGate, targets = ['a', 'b', 'c'], number = 1): Promise<string> {
  const data = { round: 1, holds: true, because: '', targets, skipped: {} }
  const [stored] = await recordEvents(world.engine, incident, [
    { place: `r1/recheck${number}`, actor: 'engine', kind: 'recheck', data },
  ])
  return stored!.at
}

/** Opens a gate that the operator approves, and records a fresh re-check. */
async function ready(change: Parameters<typeof propose>[1] = {}) {
  const opened = await propose(world, change)
  await approve(opened)
  return { ...opened, recheckedAt: await recheck(opened) }
}

type Ready = Awaited<ReturnType<typeof ready>>

function permit({ gate, recheckedAt }: Ready, target = 'a', permitRules: PermitRules = rules(), leaseMs = 60_000) {
  return takeProposedPermit(world.engine, permitRules, { gate, target, recheckedAt, leaseMs })
}

const denied = (reason: string, message?: RegExp) => ({
  granted: false,
  reason,
  ...(message ? { message: expect.stringMatching(message) } : {}),
})

async function permits({ gate }: OpenedTestGate): Promise<string[]> {
  const found = await world.engine.query<{ target: string }>(
    'SELECT target FROM runbook.permits WHERE gate = $1 ORDER BY 1',
    [gate],
  )
  return found.rows.map((row) => row.target)
}

/** Changes rows as a superuser of the database who has no signing key. */
async function tamper(table: string, set: string, gate: string): Promise<void> {
  const client = await world.superuser.connect()
  await client.query('SET session_replication_role = replica')
  await client.query(`UPDATE runbook.${table} SET ${set} WHERE ${table === 'gates' ? 'id' : 'gate'} = $1`, [gate])
  await client.query('SET session_replication_role = origin')
  client.release()
}

/** Waits until `count` sessions of this database wait for a lock of this kind. */
async function waitingOn(event: string, count: number): Promise<void> {
  const waiting = () =>
    world.superuser.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`,
      [event],
    )
  await expect.poll(async () => (await waiting()).rowCount, { timeout: 10_000 }).toBe(count)
}

describe('a permit', () => {
  test('is granted for an approved target and recorded, and the incident becomes applying', async () => {
    const opened = await ready()
    expect(await permit(opened)).toEqual({
      granted: true,
      fence: 1,
      lease: expect.stringMatching(/^things\/mend-\d+\/a$/),
    })
    const events = await readEvents(world.engine, opened.incident)
    expect(events.at(-1)).toMatchObject({ kind: 'permit', place: 'r1/permit/a', data: { target: 'a', fence: 1 } })
    const incident = await world.engine.query('SELECT state FROM runbook.incidents WHERE id = $1', [opened.incident])
    expect(incident.rows).toEqual([{ state: 'applying' }])
  })

  test('that is taken again, after a crash, has a higher fence and is counted and recorded once', async () => {
    const opened = await ready({ proposal: { limits: { maxTargets: 20, perHour: 1, cooldownMs: 60_000 } } })
    const fences = []
    for (let i = 0; i < 3; i += 1) fences.push(((await permit(opened)) as { fence: number }).fence)
    expect(fences).toEqual([1, 2, 3])
    const counted = await world.engine.query(
      'SELECT renewed_at > issued_at AS renewed FROM runbook.permits WHERE gate = $1',
      [opened.gate],
    )
    expect(counted.rows).toEqual([{ renewed: true }])
    expect((await readEvents(world.engine, opened.incident)).filter((one) => one.kind === 'permit')).toHaveLength(1)
  })

  test('that two calls take at once is one permit with two fences', async () => {
    const opened = await ready()
    const both = await Promise.all([permit(opened), permit(opened)])
    expect(both.map((one) => (one as { fence: number }).fence).sort()).toEqual([1, 2])
    expect(await permits(opened)).toEqual(['a'])
  })

  test('covers only the approved targets', async () => {
    const opened = await propose(world)
    await approve(opened, 'operator', ['a', 'c'])
    const rechecked = { ...opened, recheckedAt: await recheck(opened) }
    expect(await permit(rechecked, 'a')).toMatchObject({ granted: true })
    expect(await permit(rechecked, 'b')).toMatchObject(denied('not-approved', /target b/))
    // The proposal has no action that is done once for all targets.
    expect(await permit(rechecked, '-')).toMatchObject(denied('not-approved', /not an action of the approved proposal/))
    expect(await permits(opened)).toEqual(['a'])
    const done = { id: '1-sql.update', kind: 'sql.update', access: 'write' as const, with: { connection: 'db' } }
    const each = ['a', 'b', 'c', '-'].map((target) => ({ ...done, target, preview: { summary: '' } }))
    const whole = await ready({ proposal: { actions: each } })
    expect(await permit(whole, '-')).toMatchObject({ granted: true })
  })

  test('is refused for a target that was not proposed', async () => {
    const opened = await ready()
    await recheck(opened, ['z'], 2)
    const rechecked = { ...opened, recheckedAt: await recheck(opened, ['z'], 2) }
    expect(await permit(rechecked, 'z')).toMatchObject(denied('not-approved'))
  })

  test('needs an approved gate', async () => {
    const opened = await propose(world)
    const rechecked = { ...opened, recheckedAt: await recheck(opened) }
    expect(await permit(rechecked)).toMatchObject(denied('not-approved', /gate is open/))
  })

  test('after a cancellation is refused, except for a target that already has one', async () => {
    const opened = await ready()
    await permit(opened, 'a')
    await world.engine.query(`UPDATE runbook.incidents SET cancelled_at = now(), cancelled_by = 'lead' WHERE id = $1`, [
      opened.incident,
    ])
    expect(await permit(opened, 'a')).toMatchObject({ granted: true, fence: 2 })
    expect(await permit(opened, 'b')).toMatchObject(denied('cancelled'))
  })

  test('after the incident was closed is always refused', async () => {
    const opened = await ready()
    await permit(opened, 'a')
    await closeIncident(world.engine, {
      incident: opened.incident,
      outcome: 'failed',
      reason: 'its workflow was terminated',
    })
    expect(await permit(opened, 'a')).toMatchObject(denied('cancelled'))
  })

  test('is refused after the approval has lapsed, unless another target already has a permit', async () => {
    const [unused, used] = [await ready(), await ready()]
    await permit(used, 'a')
    for (const { gate } of [unused, used])
      await world.superuser.query(
        `UPDATE runbook.gates SET decided_at = clock_timestamp() - interval '61 seconds' WHERE id = $1`,
        [gate],
      )
    expect(await permit(unused)).toMatchObject(denied('lapsed'))
    expect(await permit(used, 'b')).toMatchObject({ granted: true })
  })
})

describe('a permit is refused as stale', () => {
  test('without a re-check in the history, whatever the request claims', async () => {
    const opened = await propose(world)
    await approve(opened)
    for (const recheckedAt of [new Date().toISOString(), '', 'yesterday'])
      expect(await permit({ ...opened, recheckedAt })).toMatchObject(denied('stale'))
  })

  test('when the last re-check is older than a minute', async () => {
    const opened = await ready()
    const at = new Date(Date.now() - 61_000).toISOString()
    await tamperTime(opened.incident, at)
    expect(await permit({ ...opened, recheckedAt: at })).toMatchObject(denied('stale'))
    expect(await permits(opened)).toEqual([])
  })

  test('also for a target whose permit led to no effect, but not after its first action was applied', async () => {
    const opened = await ready()
    await permit(opened)
    const later = await recheck(opened, ['b', 'c'], 2)
    expect(await permit(opened)).toMatchObject(denied('stale'))
    expect(await permit({ ...opened, recheckedAt: later })).toMatchObject(denied('stale', /did not qualify/))
    const { gate } = opened
    await recordEffect(world.engine, { gate, action: '0-sql.update', target: 'a', result: 'applied', detail: '1 row' })
    expect(await permit({ ...opened, recheckedAt: later })).toMatchObject({ granted: true })
  })

  test('when a later re-check exists than the one that the request names', async () => {
    const opened = await ready()
    const later = await recheck(opened, ['a'], 2)
    expect(await permit(opened)).toMatchObject(denied('stale'))
    expect(await permit({ ...opened, recheckedAt: later })).toMatchObject({ granted: true })
    expect(await permit({ ...opened, recheckedAt: later }, 'b')).toMatchObject(denied('stale', /did not qualify/))
  })

  async function tamperTime(incident: string, at: string) {
    const client = await world.superuser.connect()
    await client.query('SET session_replication_role = replica')
    await client.query(`UPDATE runbook.events SET at = $2 WHERE incident = $1 AND place = 'r1/recheck1'`, [
      incident,
      at,
    ])
    await client.query('SET session_replication_role = origin')
    client.release()
  }
})

describe('evidence of a re-check is stale', () => {
  /** Stores evidence as the activity does, of a check that began `agoMs` before now by the clock of the engine's database. */
  async function observe({ incident }: OpenedTestGate, agoMs: number, durationMs: number, name = 'bad') {
    const found = await world.engine.query<{ at: Date }>(
      `SELECT clock_timestamp() - $1 * interval '1 millisecond' AS at`,
      [agoMs],
    )
    const result = { rows: [] }
    const evidence = { place: `r1/recheck1/${name}`, name, kind: 'sql.query', status: 'ok' as const, result }
    const startedAt = found.rows[0]!.at.toISOString()
    const ref = digest(evidenceBody({ status: 'ok', result }))
    await recordEvidence(world.engine, incident, [{ ...evidence, ref, truncated: false, startedAt, durationMs }], {})
  }

  test('by the time of its checks, however late the re-check was recorded', async () => {
    const opened = await propose(world)
    await approve(opened)
    await observe(opened, 75_000, 5)
    const late = { ...opened, recheckedAt: await recheck(opened) }
    expect(await permit(late)).toMatchObject(denied('stale', /too old/))
  })

  test('when one of several observations is too old', async () => {
    const opened = await propose(world)
    await approve(opened)
    await observe(opened, 5, 5, 'recent')
    await observe(opened, 61_000, 5, 'older')
    expect(await permit({ ...opened, recheckedAt: await recheck(opened) })).toMatchObject(denied('stale'))
  })

  test('by the end of a check that samples over a period, not by its start', async () => {
    const opened = await propose(world)
    await approve(opened)
    await observe(opened, 70_000, 62_000, 'watched')
    await observe(opened, 5_000, 5, 'recent')
    expect(await permit({ ...opened, recheckedAt: await recheck(opened) })).toMatchObject({ granted: true })
  })
})

describe('a permit is bound to what runs:', () => {
  const held = async ({ gate }: OpenedTestGate) => {
    const { proposal, proposalDigest } = await readGate(world.engine, gate)
    return { proposalDigest, action: proposal.actions.find(({ target }) => target === 'a')! }
  }
  const ask = async (opened: Ready, change: Partial<PermitRequest>, by = rules()) =>
    takePermit(world.engine, by, {
      gate: opened.gate,
      target: 'a',
      recheckedAt: opened.recheckedAt,
      leaseMs: 1_000,
      ...(await held(opened)),
      ...change,
    })

  test('to exactly the action that the executor applies', async () => {
    const opened = await ready()
    const { action } = await held(opened)
    for (const other of [
      { ...action, with: { ...action.with, id: 'z' } },
      { ...action, with: { ...action.with, more: 1 } },
      { ...action, kind: 'process.run' },
      { ...action, target: 'b' },
      { ...action, preview: { summary: 'another look' } },
    ])
      expect(await ask(opened, { action: other })).toMatchObject(
        denied('not-approved', /not an action of the approved/),
      )
    expect(await ask(opened, { proposalDigest: 'f'.repeat(64) })).toMatchObject(
      denied('not-approved', /not the one at the gate/),
    )
    expect(await permits(opened)).toEqual([])
    expect(await ask(opened, {})).toMatchObject({ granted: true })
  })

  test('to the plan that the incident was accepted with', async () => {
    const opened = await ready()
    const stricter = planOf({ ...(await readGate(world.engine, opened.gate)).proposal, limits: { maxTargets: 1 } })
    const planDigest = await storePlan(world.engine, stricter, 'made by hand')
    await world.superuser.query('UPDATE runbook.incidents SET plan_digest = $1 WHERE id = $2', [
      planDigest,
      opened.incident,
    ])
    expect(await ask(opened, {})).toMatchObject(denied('not-approved', /another plan/))
  })

  test('to a plan that was not changed since it was compiled', async () => {
    const opened = await ready()
    await tamperPlan(opened)
    await expect(ask(opened, {})).rejects.toThrow(/was changed after it was stored/)
  })

  test('to the configuration as it is now, which may exclude the requester', async () => {
    const opened = await ready()
    expect(await ask(opened, {}, rules({ requesterMayApprove: false }))).toMatchObject(
      denied('not-approved', /requester/),
    )
  })

  /** Changes the stored plan, under a digest that no process has verified yet. */
  async function tamperPlan({ incident, gate }: OpenedTestGate): Promise<void> {
    const { proposal } = await readGate(world.engine, gate)
    const forged = canonical(planOf({ ...proposal, title: 'unseen' }) as unknown as Json)
    const unknown = 'e'.repeat(64)
    await world.superuser.query(
      `INSERT INTO runbook.plans (digest, runbook, plan, source) VALUES ($1, 'things', $2, '') ON CONFLICT DO NOTHING`,
      [unknown, forged],
    )
    const client = await world.superuser.connect()
    await client.query('SET session_replication_role = replica')
    const text = canonical({ ...proposal, planDigest: unknown } as unknown as Json)
    await client.query('UPDATE runbook.gates SET proposal = $2, proposal_digest = $3 WHERE id = $1', [
      gate,
      text,
      sha256Hex(text),
    ])
    await client.query('UPDATE runbook.incidents SET plan_digest = $1 WHERE id = $2', [unknown, incident])
    await client.query('SET session_replication_role = origin')
    client.release()
  }
})

describe('rows of the database do not replace a signature:', () => {
  test('a gate that was set to approved', async () => {
    const opened = await propose(world)
    await tamper('gates', `state = 'approved', decided_at = now(), approved_targets = '{a,b,c}'`, opened.gate)
    expect(await permit({ ...opened, recheckedAt: await recheck(opened) })).toMatchObject(
      denied('not-approved', /quorum/),
    )
  })

  test('a decision whose token was replaced by hand', async () => {
    const opened = await ready()
    await tamper('decisions', `token = 'x.y.z'`, opened.gate)
    expect(await permit(opened)).toMatchObject(denied('not-approved'))
  })

  test('the token of another gate, or of the same person for another proposal', async () => {
    const [one, other] = [await ready(), await ready()]
    const token = await world.engine.query<{ token: string; jti: string }>(
      'SELECT token, jti FROM runbook.decisions WHERE gate = $1',
      [one.gate],
    )
    await tamper('decisions', `token = 'none', jti = 'moved'`, one.gate)
    await tamper('decisions', `token = '${token.rows[0]!.token}', jti = '${token.rows[0]!.jti}'`, other.gate)
    expect(await permit(other)).toMatchObject(denied('not-approved'))
  })

  test('one person whose approval was inserted twice, if the proposal requires two people', async () => {
    const opened = await propose(world, { approval: { count: 2 } })
    await approve(opened)
    const token = await signClaims(
      {
        gate: opened.gate,
        proposalDigest: opened.digest,
        decision: 'approve',
        person: 'operator',
        iat: 1,
        jti: `twice-${opened.gate}`,
      },
      engineKey,
    )
    await world.superuser.query(
      `INSERT INTO runbook.decisions (jti, gate, person, decision, proposal_digest, token) VALUES ($1, $2, 'second', 'approve', $3, $4)`,
      [`twice-${opened.gate}`, opened.gate, opened.digest, token],
    )
    await tamper('gates', `state = 'approved', decided_at = now(), approved_targets = '{a,b,c}'`, opened.gate)
    const rechecked = { ...opened, recheckedAt: await recheck(opened) }
    expect(await permit(rechecked)).toMatchObject(denied('not-approved', /quorum/))
  })

  test('a proposal that was changed, with or without a matching digest', async () => {
    const other = `replace(proposal, '"db"', '"xx"')`
    for (const set of [
      `proposal = ${other}`,
      `proposal = ${other}, proposal_digest = encode(sha256(convert_to(${other}, 'UTF8')), 'hex')`,
    ]) {
      const opened = await ready()
      await tamper('gates', set, opened.gate)
      expect(await permit(opened)).toMatchObject(denied('not-approved'))
    }
  })

  test('more targets than were signed', async () => {
    const opened = await propose(world)
    await approve(opened, 'operator', ['a'])
    await tamper('decisions', `targets = NULL`, opened.gate)
    await tamper('gates', `approved_targets = '{a,b,c}'`, opened.gate)
    expect(await permit({ ...opened, recheckedAt: await recheck(opened) }, 'b')).toMatchObject(denied('not-approved'))
  })
})

describe('a decision counts while', () => {
  test('its person is configured, in a group that may decide, and the signing key is configured', async () => {
    const opened = await ready()
    const { operator: _, ...others } = people
    const inAnotherGroup = { ...people, operator: { name: 'operator', groups: ['sales'], keys: [] } }
    expect(await permit(opened, 'a', rules({ people: others }))).toMatchObject(denied('not-approved'))
    expect(await permit(opened, 'a', rules({ people: inAnotherGroup }))).toMatchObject(denied('not-approved'))
    expect(await permit(opened, 'a', rules({ key: newSigningKey() }))).toMatchObject(denied('not-approved'))
    expect(
      await permit(opened, 'a', rules({ key: newSigningKey(), previous: [publicKeyOf(engineKey)] })),
    ).toMatchObject({ granted: true })
    // A repeated permit is checked again.
    expect(await permit(opened, 'a', rules({ people: others }))).toMatchObject(denied('not-approved'))
  })

  test('its person is not the requester, if the requester is excluded', async () => {
    const opened = await propose(world, {
      incident: { requester: 'person:second' },
      approval: { excludeRequester: true },
    })
    await approve(opened)
    const rechecked = { ...opened, recheckedAt: await recheck(opened) }
    await world.superuser.query(`UPDATE runbook.incidents SET requester = 'person:operator' WHERE id = $1`, [
      opened.incident,
    ])
    expect(await permit(rechecked)).toMatchObject(denied('not-approved'))
    await world.superuser.query(`UPDATE runbook.incidents SET requester = 'person:second' WHERE id = $1`, [
      opened.incident,
    ])
    expect(await permit(rechecked)).toMatchObject({ granted: true })
  })

  test('it is not withdrawn', async () => {
    const opened = await ready()
    await world.engine.query('UPDATE runbook.decisions SET withdrawn_at = now() WHERE gate = $1', [opened.gate])
    expect(await permit(opened)).toMatchObject(denied('not-approved'))
  })

  test('the personal key that signed it is registered', async () => {
    const opened = await propose(world, { approval: { by: ['platform'] } })
    const token = await signClaims(
      {
        gate: opened.gate,
        proposalDigest: opened.digest,
        decision: 'approve',
        person: 'lead',
        iat: 1,
        jti: `key-${opened.gate}`,
      },
      leadsKey,
    )
    await decideByToken(
      { database: world.engine, keyring: rules().keyring, people, policy: NO_POLICY, wakeWorkflow: noSignal },
      token,
    )
    const rechecked = { ...opened, recheckedAt: await recheck(opened) }
    const without = { ...people, lead: { ...people.lead!, keys: [] } }
    expect(await permit(rechecked, 'a', rules({ people: without }))).toMatchObject(denied('not-approved'))
    expect(await permit(rechecked)).toMatchObject({ granted: true })
  })
})

describe('a permit is refused', () => {
  test('while the engine is frozen, also for a target that has a permit', async () => {
    const opened = await ready()
    await permit(opened, 'a')
    await switchControl(world.engine, { control: 'freeze', on: true, person: 'lead', reason: 'audit' })
    expect(await permit(opened, 'a')).toMatchObject(denied('frozen', /lead: audit/))
    expect(await permit(opened, 'b')).toMatchObject(denied('frozen'))
    // The approval becomes too old during the freeze. The answer says both, because a new approval is needed even after the freeze.
    await world.superuser.query(`UPDATE runbook.gates SET decided_at = decided_at - interval '1 day' WHERE id = $1`, [
      opened.gate,
    ])
    expect(await permit(opened, 'a')).toMatchObject(denied('lapsed', /no longer valid, and freeze is on/))
    await world.superuser.query(`UPDATE runbook.gates SET decided_at = decided_at + interval '1 day' WHERE id = $1`, [
      opened.gate,
    ])
    await switchControl(world.engine, { control: 'freeze', on: false, person: 'lead', reason: 'done' })
    expect(await permit(opened, 'b')).toMatchObject({ granted: true })
  })

  test('from the moment that the freeze is committed, also while an earlier permit is still being granted', async () => {
    const [opened, later] = [await ready(), await ready()]
    await permit(opened)
    const holder = await world.superuser.connect()
    await holder.query('BEGIN')
    await holder.query('SELECT FROM runbook.leases WHERE holder = $1 FOR UPDATE', [opened.gate])
    const taking = permit(opened)
    await waitingOn('transactionid', 1)
    const freeze = { control: 'freeze', on: true, person: 'lead', reason: 'now' }
    await switchControl(world.engine, freeze)
    const refused = await permit(later)
    await holder.query('COMMIT')
    holder.release()
    const earlier = await taking
    await switchControl(world.engine, { ...freeze, on: false })
    expect([earlier, refused]).toMatchObject([{ granted: true }, denied('frozen')])
  })

  test('for a connection whose breaker is open', async () => {
    const [here, elsewhere] = [await ready({ action: { connection: 'broken' } }), await ready()]
    await switchControl(world.engine, { control: 'breaker/broken', on: true, person: 'engine', reason: 'three' })
    expect(await permit(here)).toMatchObject(denied('breaker'))
    expect(await permit(elsewhere)).toMatchObject({ granted: true })
  })

  test('for more targets per hour than the limit of the remedy, counted over all incidents, also at once', async () => {
    const limited = { proposal: { remedy: 'limited', limits: { maxTargets: 20, perHour: 3 } } }
    const apart = (name: string) => ['a', 'b', 'c'].map((key) => ({ key, lock: `${name}/${key}` }))
    const [one, other] = [
      await ready({ ...limited, targets: apart('one') }),
      await ready({ ...limited, targets: apart('other') }),
    ]
    const answers = await Promise.all(['a', 'b', 'c'].flatMap((target) => [permit(one, target), permit(other, target)]))
    expect(answers.filter((answer) => answer.granted)).toHaveLength(3)
    expect(answers.filter((answer) => !answer.granted && answer.reason === 'limit')).toHaveLength(3)
    await world.superuser.query(
      `UPDATE runbook.permits SET issued_at = issued_at - interval '1 hour' WHERE remedy = 'things/limited'`,
    )
    const next = await ready(limited)
    expect(await permit(next, 'a')).toMatchObject({ granted: true })
  })

  test('only by the limits of its own runbook, not by those of a remedy with the same name in another one', async () => {
    const limited = { proposal: { remedy: 'namesake', limits: { maxTargets: 20, perHour: 1, cooldownMs: 60_000 } } }
    const here = await ready(limited)
    const there = await ready({ ...limited, incident: { runbook: 'others' } })
    expect(await permit(here)).toMatchObject({ granted: true, lease: 'things/namesake/a' })
    expect(await permit(there)).toMatchObject({ granted: true, lease: 'others/namesake/a' })
  })

  test('for a target within its cooldown', async () => {
    const cooling = { proposal: { remedy: 'cooling', limits: { maxTargets: 20, cooldownMs: 60_000 } } }
    const [one, other] = [await ready(cooling), await ready(cooling)]
    await permit(one, 'a')
    await world.engine.query('UPDATE runbook.leases SET until = clock_timestamp() WHERE holder = $1', [one.gate])
    expect(await permit(other, 'a')).toMatchObject(denied('cooldown'))
    expect(await permit(other, 'b')).toMatchObject({ granted: true })
    await world.superuser.query(
      `UPDATE runbook.permits SET issued_at = issued_at - interval '61 seconds' WHERE gate = $1`,
      [one.gate],
    )
    expect(await permit(other, 'a')).toMatchObject({ granted: true })
  })
})

describe('a remedy that was refused', () => {
  const limits = { maxTargets: 20, perHour: 1, cooldownMs: 60_000 }
  const record = async (opened: Ready, result: 'refused' | 'applied' | 'unknown') => {
    const { proposal } = await readGate(world.engine, opened.gate)
    const action = proposal.actions.find((one) => one.target === 'a')!
    await recordEffect(world.engine, { gate: opened.gate, action: action.id, target: 'a', result, detail: 'a test' })
    await world.engine.query('UPDATE runbook.leases SET until = clock_timestamp() WHERE holder = $1', [opened.gate])
  }

  test('starts no cooldown and uses up no limit', async () => {
    const refusing = { proposal: { remedy: 'refusing', limits } }
    const [one, other] = [await ready(refusing), await ready(refusing)]
    expect(await permit(one)).toMatchObject({ granted: true })
    expect(await permit(other)).toMatchObject(denied('cooldown'))
    await record(one, 'refused')
    expect(await permit(other)).toMatchObject({ granted: true })
  })

  test.each(['applied', 'unknown'] as const)('is not meant: what is %s counts', async (result) => {
    const counted = { proposal: { remedy: `counted-${result}`, limits } }
    const [one, other] = [await ready(counted), await ready(counted)]
    await permit(one)
    await record(one, result)
    expect(await permit(other)).toMatchObject(denied('cooldown', /it may be applied again at 20/))
    expect(await permit(other, 'b')).toMatchObject(denied('limit'))
  })
})

describe('what is in the way is shown at the open gate', () => {
  const shown = async ({ incident }: OpenedTestGate) =>
    (await showIncident(world.engine, incident)).rounds[0]!.gate!.obstacles

  test('a cooldown and the limit per hour, each with its end; each disappears when it has ended', async () => {
    const limits = { maxTargets: 20, perHour: 3, cooldownMs: 60_000 }
    const watched = { proposal: { remedy: 'watched', limits } }
    const earlier = await ready(watched)
    await permit(earlier, 'a')
    await world.engine.query('UPDATE runbook.leases SET until = clock_timestamp() WHERE holder = $1', [earlier.gate])
    const waiting = await propose(world, watched)
    const [cooldown, limit, ...others] = await shown(waiting)
    expect(others).toEqual([])
    expect(cooldown).toMatchObject({
      reason: 'cooldown',
      targets: ['a'],
      message: 'watched was applied to a less than its cooldown of 1m 00s ago',
    })
    const left = Date.parse(cooldown!.endsAt) - Date.now()
    expect(left).toBeGreaterThan(0)
    expect(left).toBeLessThanOrEqual(60_000)
    expect(limit).toMatchObject({
      reason: 'limit',
      message: 'watched has a limit of 3 targets per hour, which leaves 2 of these 3',
    })
    await world.superuser.query(
      `UPDATE runbook.permits SET issued_at = issued_at - interval '1 hour' WHERE remedy = 'things/watched'`,
    )
    expect(await shown(waiting)).toEqual([])
  })

  test('another remedy that is being applied to the same target', async () => {
    const lock = { targets: [{ key: 'a', lock: 'shared-lock' }] }
    const holder = await ready({ ...lock, proposal: { remedy: 'holding' } })
    await permit(holder)
    const waiting = await propose(world, { ...lock, proposal: { remedy: 'waiting' } })
    expect(await shown(waiting)).toMatchObject([
      {
        reason: 'busy',
        targets: ['a'],
        message: expect.stringContaining(`the remedy of ${holder.gate} is being applied`),
      },
    ])
    await approve(waiting)
    expect(await shown(waiting)).toEqual([])
  })
})

test('a remedy without targets is limited for each incident key, or for each lock, and not for all incidents', async () => {
  const single = (lock?: string) => ({
    targets: [{ key: '-', ...(lock ? { lock } : {}) }],
    proposal: { remedy: 'single', limits: { maxTargets: 1, cooldownMs: 60_000 } },
  })
  const asked = async (lock?: string) => {
    const opened = await propose(world, single(lock))
    await approve(opened)
    return permit({ ...opened, recheckedAt: await recheck(opened, ['-']) }, '-')
  }
  const [one, other] = [await asked(), await asked()]
  expect([one, other]).toMatchObject([{ granted: true }, { granted: true }])
  expect(one).not.toMatchObject({ lease: (other as { lease: string }).lease })
  expect(await asked('service/billing')).toMatchObject({ granted: true, lease: 'service/billing' })
  expect(await asked('service/billing')).toMatchObject(denied('cooldown'))
  expect(await asked('service/search')).toMatchObject({ granted: true })
})

describe('a lease', () => {
  const end = ({ incident }: OpenedTestGate) =>
    closeIncident(world.engine, { incident, outcome: 'resolved', reason: 'mended' })
  const locked = (name: string) => ({
    targets: [
      { key: 'a', lock: name },
      { key: 'b', lock: name },
    ],
  })

  test('that one incident holds is refused to others until it ends; then its fence is higher', async () => {
    const [one, other] = [await ready(locked('run/1')), await ready(locked('run/1'))]
    expect(await permit(one)).toEqual({ granted: true, fence: 1, lease: 'run/1' })
    expect(await permit(other)).toMatchObject(denied('busy', /run\/1/))
    expect(await permits(other)).toEqual([])
    await world.engine.query(`UPDATE runbook.leases SET until = clock_timestamp() WHERE name = 'run/1'`)
    expect(await permit(other)).toEqual({ granted: true, fence: 2, lease: 'run/1' })
    expect(await permit(one)).toMatchObject(denied('busy'))
  })

  test('can pass between the targets of one gate', async () => {
    const opened = await ready(locked('run/2'))
    expect(await permit(opened, 'a')).toMatchObject({ fence: 1 })
    expect(await permit(opened, 'b')).toMatchObject({ granted: true, fence: 2 })
    expect(await permit(opened, 'a')).toMatchObject({ granted: true, fence: 3 })
  })

  test('is free after its incident was closed', async () => {
    const [one, other] = [await ready(locked('run/3')), await ready(locked('run/3'))]
    await permit(one)
    await closeIncident(world.engine, { incident: one.incident, outcome: 'resolved', reason: 'mended' })
    expect(await permit(other)).toMatchObject({ granted: true, fence: 2 })
  })

  test('of an effect that may still be running is kept when its incident is closed', async () => {
    const failed = { outcome: 'failed', reason: 'its workflow was terminated' } as const
    const lost = { ...failed, unsettled: 'its workflow ended before the effect was recorded' }
    for (const [name, closing] of Object.entries({ 'left/1': failed, 'left/2': lost })) {
      const [one, other] = [await ready(locked(name)), await ready(locked(name))]
      await permit(one, 'a')
      await recordIntent(world.engine, { gate: one.gate, action: '0-sql.update', target: 'a' })
      await closeIncident(world.engine, { incident: one.incident, ...closing })
      expect(await permit(other)).toMatchObject(denied('busy'))
    }
  })

  test('of an effect that has ended is released', async () => {
    const [one, other] = [await ready(locked('left/3')), await ready(locked('left/3'))]
    const place = { gate: one.gate, action: '0-sql.update', target: 'a' }
    await permit(one, 'a')
    await recordIntent(world.engine, place)
    await recordEffect(world.engine, { ...place, result: 'refused', detail: 'it exited with 1' })
    await closeIncident(world.engine, { incident: one.incident, outcome: 'failed', reason: 'a test' })
    expect(await permit(other)).toMatchObject({ granted: true })
  })

  test('is given to 20 waiters in the order of their first request, each time with a higher fence', async () => {
    const holder = await ready(locked('line/1'))
    await permit(holder)
    const waiters: Ready[] = []
    for (let i = 0; i < 20; i += 1) {
      waiters.push(await ready(locked('line/1')))
      expect(await permit(waiters[i]!)).toMatchObject({
        ...denied('busy'),
        retryAfterMs: Math.min(5_000, 250 * (i + 1)),
      })
    }
    const left = new Set(waiters.toReversed())
    const served: { waiter: number; fence: number }[] = []
    await end(holder)
    // In each turn all waiting gates ask at the same time. The gates that began to wait last send their requests first.
    for (let turn = 0; turn < 20; turn += 1) {
      const answers = await Promise.all([...left].map(async (one) => ({ one, answer: await permit(one) })))
      for (const { one, answer } of answers) {
        if (!answer.granted) continue
        served.push({ waiter: waiters.indexOf(one), fence: answer.fence })
        left.delete(one)
      }
      for (const { one, answer } of answers) if (answer.granted) await end(one)
    }
    expect(served).toEqual(waiters.map((_, i) => ({ waiter: i, fence: i + 2 })))
  })

  test('passes over a waiter that no longer asks, after 20 seconds and not before; if it comes back, it is next', async () => {
    const [holder, gone, next] = [
      await ready(locked('line/2')),
      await ready(locked('line/2')),
      await ready(locked('line/2')),
    ]
    await permit(holder)
    await permit(gone)
    await permit(next)
    await end(holder)
    expect(await permit(next)).toMatchObject({ ...denied('busy', /and 1 that asked earlier/), retryAfterMs: 500 })
    const silentFor = (seconds: number) =>
      world.superuser.query(
        `UPDATE runbook.lease_waiters SET asked_at = clock_timestamp() - $2 * interval '1 second' WHERE holder = $1`,
        [gone.gate, seconds],
      )
    await silentFor(15)
    expect(await permit(next)).toMatchObject(denied('busy'))
    await silentFor(20)
    expect(await permit(next)).toMatchObject({ granted: true, fence: 2 })
    const last = await ready(locked('line/2'))
    await permit(last)
    await permit(gone)
    await end(next)
    expect(await permit(last)).toMatchObject(denied('busy'))
    expect(await permit(gone)).toMatchObject({ granted: true, fence: 3 })
  })

  test('is renewed by its holder although others wait; an incident that ends waits no longer', async () => {
    const [holder, first, second] = [
      await ready(locked('line/3')),
      await ready(locked('line/3')),
      await ready(locked('line/3')),
    ]
    await permit(holder, 'a')
    await permit(first)
    await permit(second)
    expect(await permit(holder, 'b')).toMatchObject({ granted: true, fence: 2 })
    await end(first)
    await end(holder)
    expect(await permit(second)).toMatchObject({ granted: true, fence: 3 })
  })

  test('is granted to one of two incidents that request it at the same moment', async () => {
    const both = await Promise.all([ready(locked('run/4')), ready(locked('run/4'))])
    const answers = await Promise.all(both.map((one) => permit(one)))
    expect(answers.map((one) => one.granted).sort()).toEqual([false, true])
  })
})

describe('an automatic approval', () => {
  const auto = { approval: { auto: true, by: [], count: 1 } }
  const allowed = rules({ isAutoApproved: (action: ProposedAction) => action.with.connection === 'db' })

  test('counts only while the configuration permits it', async () => {
    const opened = await propose(world, auto)
    const rechecked = { ...opened, recheckedAt: await recheck(opened) }
    expect(await permit(rechecked, 'a', rules())).toMatchObject(denied('not-approved'))
    expect(await permit(rechecked, 'a', allowed)).toMatchObject({ granted: true })
    expect(await permit({ ...rechecked, recheckedAt: await recheck(opened, ['z'], 2) }, 'z', allowed)).toMatchObject(
      denied('not-approved'),
    )
  })

  test('cannot be made by setting auto on a gate that waits for people', async () => {
    const opened = await propose(world)
    await tamper('gates', `auto = true, state = 'approved', decided_at = now()`, opened.gate)
    expect(await permit({ ...opened, recheckedAt: await recheck(opened) }, 'a', allowed)).toMatchObject(
      denied('not-approved'),
    )
  })
})

describe('closing an incident that failed', () => {
  test('records unknown for each target with a permit but without an effect: for its next action', async () => {
    const opened = await ready({ proposal: { actions: twoActions() } })
    await permit(opened, 'a')
    await permit(opened, 'b')
    await world.engine.query(
      `INSERT INTO runbook.effects (gate, action, target, result, detail) VALUES ($1, '0-sql.update', 'a', 'applied', '1 row')`,
      [opened.gate],
    )
    const closing = {
      incident: opened.incident,
      outcome: 'failed',
      reason: 'gone',
      unsettled: 'nobody saw it',
    } as const
    await closeIncident(world.engine, closing)
    await closeIncident(world.engine, closing)
    const effects = await world.engine.query(
      'SELECT action, target, result FROM runbook.effects WHERE gate = $1 ORDER BY 1, 2',
      [opened.gate],
    )
    expect(effects.rows).toEqual([
      { action: '0-sql.update', target: 'a', result: 'applied' },
      { action: '0-sql.update', target: 'b', result: 'unknown' },
      { action: '1-bullmq.retry', target: 'a', result: 'unknown' },
    ])
    const events = await readEvents(world.engine, opened.incident)
    expect(events.filter((one) => one.kind === 'effect').map((one) => one.place)).toEqual([
      'r1/effect/1-bullmq.retry/a',
      'r1/effect/0-sql.update/b',
    ])
  })

  test.each(['\u0000', '\ud800'])(
    'works with a proposal that contains %j, which jsonb cannot store',
    async (unstorable) => {
      const opened = await ready({ action: { note: unstorable } })
      await permit(opened, 'a')
      const { incident } = opened
      await closeIncident(world.engine, { incident, outcome: 'failed', reason: 'gone', unsettled: 'nobody saw it' })
      const effects = await world.engine.query('SELECT target, result FROM runbook.effects WHERE gate = $1', [
        opened.gate,
      ])
      expect(effects.rows).toEqual([{ target: 'a', result: 'unknown' }])
    },
  )

  test.each(['{}', 'null', 'no JSON'])('works when the stored proposal is broken: %s', async (broken) => {
    const opened = await ready()
    await permit(opened, 'a')
    await tamper('gates', `proposal = '${broken}'`, opened.gate)
    const { incident } = opened
    const closing = { incident, outcome: 'failed', reason: 'gone', unsettled: 'nobody saw it' } as const
    expect(await closeIncident(world.engine, closing)).toMatchObject({ outcome: 'failed' })
  })

  function twoActions(): ProposedAction[] {
    const action = (id: string, kind: string, target: string): ProposedAction => ({
      id,
      kind,
      access: kind === 'notify' ? 'message' : 'write',
      target,
      with: { connection: 'db' },
      preview: { summary: '' },
    })
    return ['a', 'b', 'c'].flatMap((target) => [
      action('0-sql.update', 'sql.update', target),
      action('1-bullmq.retry', 'bullmq.retry', target),
      action('2-notify', 'notify', target),
    ])
  }
})
