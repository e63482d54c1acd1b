import pg from 'pg'
import { NO_POLICY } from '../../src/core/policy.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import type { ProposedAction } from '../../src/core/proposal.ts'
import { recordVerdict } from '../../src/gate/breaker.ts'
import type { PermitAnswer } from '../../src/gate/permit-request.ts'
import { ADVISORY_LOCKS, lockShared } from '../../src/history/advisory-locks.ts'
import { recordEvents } from '../../src/history/record.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'

const MENDS = `version: 1
runbook: mends
incident: to-mend
title: Something to mend
inputs: { run: { type: string } }
key: to-mend/\${{ inputs.run }}
diagnose:
  seen: { check: sql.query, with: { connection: db, sql: SELECT 1 AS n, columns: { n: int } } }
causes:
  - cause: anything
    title: Something was seen
    because: a row
    remedy: mend
remedies:
  mend:
    title: Mend it
    risk: low
    do:
      - action: sql.update
        with: { connection: db, table: runs, where: { id: "\${{ inputs.run }}" }, set: { status: FAILED } }
    limits: { maxTargets: 1 }
    approval: { by: [oncall], count: 1, within: 15m, onTimeout: escalate }
    verify:
      checks:
        after: { check: sql.query, with: { connection: db, sql: SELECT 1 AS n, columns: { n: int } } }
      until: size(after.rows) > 0
      holds: 1s
      every: 1s
      within: 1m
escalate: { to: [platform], message: an operator must act }
`

const ACTIONS: ProposedAction[] = ['a', 'b'].map((target) => ({
  id: '0-sql.update',
  kind: 'sql.update',
  access: 'write',
  target,
  with: { connection: 'db' },
  preview: { summary: 'UPDATE' },
}))

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), { runbooks: { 'mends.yaml': MENDS } })
})
afterAll(() => world?.close())

const runbook = async (...argv: string[]) => {
  // No API and no Temporal runs at these addresses.
  const env = {
    RUNBOOK_DATABASE_URL: world.databaseUrl,
    RUNBOOK_URL: 'http://127.0.0.1:9',
    TEMPORAL_ADDRESS: '127.0.0.1:9',
  }
  const terminal = fakeTerminal({ env })
  return { code: await main(argv, terminal), out: terminal.out, err: terminal.err }
}

/** An incident with an approved gate and a fresh re-check. */
async function approved(): Promise<{ id: string; permit(): Promise<PermitAnswer> }> {
  const id = await openIncident(world)
  const proposalDigest = await openTestGate(world, id, 1, ACTIONS)
  const decided = await world.call('POST', `/v1/incidents/${id}/decision`, {
    body: { proposalDigest, decision: 'approve' },
  })
  expect(decided.json.state).toBe('approved')
  const { database, keyring, people } = world.engine
  const [recheck] = await recordEvents(database, id, [
    {
      place: 'r1/recheck1',
      actor: 'engine',
      kind: 'recheck',
      data: { round: 1, holds: true, because: '', targets: ['a', 'b'], skipped: {} },
    },
  ])
  const rules = { keyring, people, isAutoApproved: () => false, requesterMayApprove: true, policy: NO_POLICY }
  const request = { gate: `${id}.r1`, target: 'a', recheckedAt: recheck!.at, leaseMs: 1_000 }
  return { id, permit: () => takeProposedPermit(database, rules, request) }
}

const eventsOf = async (id: string) => (await world.call('GET', `/v1/incidents/${id}/review.json`)).json.timeline

describe('freeze', () => {
  test('stops an approved remedy with PostgreSQL alone, and is recorded in the history of open incidents', async () => {
    const { id, permit } = await approved()
    expect(await runbook('freeze', '--reason', 'the failover')).toMatchObject({ code: 0 })
    expect(await permit()).toMatchObject({ granted: false, reason: 'frozen' })

    const shown = await world.call('GET', `/v1/incidents/${id}`)
    expect(shown.json.controls).toMatchObject([{ name: 'freeze', reason: 'the failover' }])
    expect((await eventsOf(id)).at(-1)).toMatchObject({
      kind: 'control',
      text: expect.stringContaining('the failover'),
    })

    expect((await runbook('freeze', '-r', 'another')).err).toContain('already frozen')
    expect(await runbook('unfreeze', '--reason', 'it is over')).toMatchObject({ code: 0 })
    expect((await runbook('unfreeze', '--reason', 'again')).err).toContain('no freeze was on')
    expect(await permit()).toMatchObject({ granted: true })
    expect((await eventsOf(id)).filter(({ kind }: { kind: string }) => kind === 'control')).toHaveLength(2)
  })

  test('exits with 7 and names the session while a session of another role may still get a permit', async () => {
    const url = new URL(inject('stack').postgresUrl)
    url.pathname = new URL(world.databaseUrl).pathname
    const foreign = new pg.Client(url.href)
    await foreign.connect()
    await foreign.query('BEGIN')
    await lockShared(foreign, ADVISORY_LOCKS.controls)
    const { rows } = await foreign.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
    const frozen = await runbook('freeze', '--reason', 'a test')
    expect(frozen.code).toBe(7)
    expect(frozen.err).toContain(`pid ${rows[0]!.pid}`)
    expect(frozen.err).toContain('except by the sessions above')
    await foreign.query('ROLLBACK')
    await foreign.end()
    expect((await runbook('freeze', '--reason', 'a test')).code).toBe(0)
    await runbook('unfreeze', '--reason', 'over')
  })

  test('needs a reason and an address', async () => {
    expect((await runbook('freeze')).code).toBe(2)
    for (const reason of [' ', 'a\ud800b']) expect((await runbook('freeze', '--reason', reason)).code).toBe(2)
    const terminal = fakeTerminal()
    expect(await main(['freeze', '--reason', 'x'], terminal)).toBe(2)
    expect(terminal.err).toContain('RUNBOOK_DATABASE_URL is not set')
    const nowhere = fakeTerminal({ env: { RUNBOOK_DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' } })
    expect(await main(['freeze', '--reason', 'x'], nowhere)).toBe(1)
    expect(nowhere.err).toContain("the engine's database does not answer")
  })

  test('the application role cannot switch a control without its event, and cannot change one', async () => {
    const { database } = world.engine
    for (const statement of [
      `INSERT INTO runbook.controls (name, person, reason) VALUES ('freeze', 'x', 'x')`,
      'DELETE FROM runbook.controls',
      'DELETE FROM runbook.control_events',
      `UPDATE runbook.control_events SET body = '{}'`,
    ])
      await expect(database.query(statement), statement).rejects.toThrow('permission denied')
  })
})

describe('breaker', () => {
  const verdicts: string[] = []
  const verdict = { round: 1, remedy: 'mend', detail: '', tookMs: 1, targets: ['a', 'b'] }
  const close = (as: 'operator' | 'reader' = 'operator', connection = 'db') =>
    world.call('POST', `/v1/breakers/${connection}/close`, { as, body: { reason: 'mended by hand' } })
  const verify = async (held: boolean) => {
    const { id } = await approved()
    await recordVerdict(world.engine.database, id, { ...verdict, held })
    verdicts.push(id)
    return id
  }
  const open = async () => (await world.call('GET', '/v1/controls')).json.controls
  beforeEach(() => close())

  test('three ineffective remedies in a row open it; a person who may decide closes it', async () => {
    for (const held of [false, false, true, false, false]) await verify(held)
    expect(await open()).toEqual([])
    const last = await verify(false)
    const reason = `3 consecutive remedies did not help: ${verdicts
      .slice(-3)
      .map((id) => `${id}.r1`)
      .join(', ')}`
    expect(await open()).toMatchObject([{ name: 'breaker/db', person: 'engine', reason }])
    expect((await eventsOf(last)).at(-1)).toMatchObject({ place: 'r1/breaker/db', kind: 'control' })

    const next = await approved()
    expect(await next.permit()).toMatchObject({ granted: false, reason: 'breaker' })
    expect(await close('reader')).toMatchObject({ status: 403 })
    expect(await close('operator', 'bd')).toMatchObject({ status: 404 })
    expect(await close()).toMatchObject({ status: 200, json: { controls: [] } })
    expect(await close()).toMatchObject({ status: 409 })
    expect(await next.permit()).toMatchObject({ granted: true })
  })

  test('an undo, which verifies nothing, does not count', async () => {
    for (const held of [false, false]) await verify(held)
    const { id } = await approved()
    const undone = { ...verdict, remedy: 'undo', held: true, unseen: true as const }
    await recordVerdict(world.engine.database, id, undone)
    expect(await open()).toEqual([])
    await verify(false)
    expect(await open()).toHaveLength(1)
  })

  test('verdicts before its closing do not count, and a verdict that was recorded twice counts once', async () => {
    for (const held of [false, false, false]) await verify(held)
    await close()
    const id = await verify(false)
    const again = { ...verdict, held: false }
    for (let i = 0; i < 3; i += 1) await recordVerdict(world.engine.database, id, again)
    expect(await open()).toEqual([])
    await verify(false)
    await verify(false)
    expect(await open()).toHaveLength(1)
  })

  test('events of controls that somebody made unreadable neither stop a verdict nor count as a closing', async () => {
    for (const held of [false, false]) await verify(held)
    const url = new URL(inject('stack').postgresUrl)
    url.pathname = new URL(world.databaseUrl).pathname
    const owner = new pg.Client(url.href)
    await owner.connect()
    const forged = [
      ['2026-11-28T06:00:00Z', '"breaker/db" is not JSON'],
      ['not a time', '{"control":"breaker/db","on":false}'],
      ['2999-01-01T00:00:00Z', '{"control":"breaker/db","on":"false"}'],
    ]
    for (const [i, [at, body]] of forged.entries())
      await owner.query(`INSERT INTO runbook.control_events (seq, at, body, prev, hash) VALUES ($1, $2, $3, '', '')`, [
        1_000_000 + i,
        at,
        body,
      ])
    await verify(false)
    expect(await open()).toHaveLength(1)
    await owner.query(`ALTER TABLE runbook.control_events DISABLE TRIGGER append_only`)
    await owner.query('DELETE FROM runbook.control_events WHERE seq >= 1000000')
    await owner.query(`ALTER TABLE runbook.control_events ENABLE TRIGGER append_only`)
    await owner.end()
  })
})
