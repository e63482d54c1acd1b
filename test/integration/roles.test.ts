import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { ProposedAction } from '../../src/core/proposal.ts'
import { addFollowUp } from '../../src/engine/follow-ups.ts'
import { decidersOf } from '../../src/engine/people.ts'
import { closeIncident } from '../../src/history/close.ts'
import { recordEvents } from '../../src/history/record.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'
import { signIn } from './browser-session.ts'
import { openTestGate } from './http-world.ts'
import { openRolesWorld, type RolesWorld } from './roles-world.ts'

/** The gates of these tests belong to the type bad-thing (`openTestGate`). */
const LEAD = '  - { role: admin, people: [lead] }\n'
const over = (role: string, limits: string) => `access:\n${LEAD}  - { role: ${role}, people: [operator], ${limits} }\n`

let world: RolesWorld
beforeAll(async () => {
  world = await openRolesWorld(inject('stack'), over('operator', 'types: [own-run]'))
})
afterAll(async () => {
  await world?.close()
})

describe('lists show only what the person may see, and no count of the rest', () => {
  let own: string
  let hidden: string
  /** An incident with an open gate that the operator may not see. */
  let gated: string

  beforeAll(async () => {
    await world.grant(over('operator', 'types: [own-run]'))
    own = await world.open('own-run')
    hidden = await world.open('test-run')
    gated = await world.open('test-run')
    await openTestGate(world, gated)
    const lead = world.engine.people.lead!
    for (const id of [own, hidden]) await addFollowUp(world.engine, lead, id, { text: `after ${id}`, owner: 'lead' })
    const { database } = world.engine
    for (const id of [own, hidden])
      await database.query(
        `INSERT INTO runbook.outbox (incident, place, channel, problem) VALUES ($1, 'p', 'c', 'no')`,
        [id],
      )
  })
  const get = async (path: string, as: 'operator' | 'lead' = 'operator') => (await world.call('GET', path, { as })).json

  test('incidents, and the pages of a list', async () => {
    const ids = async (as: 'operator' | 'lead', query = '') =>
      (await get(`/v1/incidents?limit=100${query}`, as)).incidents.map(({ id }: { id: string }) => id)
    expect(await ids('lead')).toEqual(expect.arrayContaining([own, hidden, gated]))
    expect(await ids('operator')).toEqual([own])
    expect(await ids('operator', '&type=test-run')).toEqual([])
    expect(await get('/v1/incidents?limit=1')).toMatchObject({ incidents: [{ id: own }], next: null })
  })

  test('gates, follow-ups and runbooks', async () => {
    expect((await get('/v1/gates', 'lead')).gates.map((one: { incident: string }) => one.incident)).toContain(gated)
    expect(await get('/v1/gates')).toEqual({ gates: [], unreadable: [] })
    expect((await get('/v1/follow-ups', 'lead')).followUps).toHaveLength(2)
    expect((await get('/v1/follow-ups')).followUps).toMatchObject([{ incident: own }])
    expect((await get('/v1/runbooks')).runbooks).toMatchObject([{ name: 'own-runs' }])
  })

  test('the inbox and the page of runbooks', async () => {
    const { get: page } = await signIn(world, 'operator')
    const inbox = (await page('/')).text
    expect(inbox).toContain(own)
    expect(inbox).not.toMatch(new RegExp(`${hidden}\\b|${gated}\\b|test-run|Waits for other people`))
    expect(inbox).toMatch(/Messages that are not delivered yet <span class="count">1</)
    expect(inbox).not.toContain('href="/status"')
    const list = (await page('/runbooks')).text
    expect(list).toContain('own-runs')
    expect(list).not.toContain('test-run')
    const all = (await (await signIn(world, 'lead')).get('/')).text
    expect(all).toContain('href="/status"')
    expect(all).toContain(gated)
  })

  test('a link to an incident does not show the type and the outcome of incidents that follow it', async () => {
    await closeIncident(world.engine.database, { incident: own, outcome: 'no-action', reason: 'a test' })
    const retried = (await world.call('POST', `/v1/incidents/${own}/retry`, { as: 'lead' })).json.incident
    const children = async (as: 'operator' | 'lead') => (await get(`/v1/incidents/${own}`, as)).children
    expect(await children('operator')).toMatchObject([{ id: retried }])
    await openTestGate(world, retried)
    expect(await children('operator')).toEqual([])
    expect(await children('lead')).toMatchObject([{ id: retried }])
  })
})

describe('an address that a person guesses', () => {
  let hidden: string
  beforeAll(async () => {
    await world.grant(over('admin', 'types: [own-run]'))
    hidden = await world.open('test-run')
  })

  test.each([
    '/v1/incidents/ID',
    '/v1/incidents/ID/review.json',
    '/v1/incidents/ID/review.md',
    '/v1/incidents/ID/events',
    '/v1/incidents/%49D',
    '/v1/incidents/%2549D',
    '/v1/incidents/./ID',
    '/v1//incidents/ID',
    '/v1/incidents/ID/',
  ])('shows nothing with a token: %s', async (path) => {
    const { status, json } = await world.call(
      'GET',
      path.replace(/(I|%49|%2549)D/, (_, first: string) => hidden.replace('I', first)),
    )
    expect({ status, code: json.code }).toEqual({ status: 404, code: 'RUNBOOK_NOT_FOUND' })
  })

  test.each(['', '/events', '/review', '/review/export/json', '/review/export/html', '/review/export/markdown'])(
    'shows nothing with a session: /incidents/ID%s',
    async (path) => {
      const { status, text } = await (await signIn(world, 'operator')).get(`/incidents/${hidden}${path}`)
      expect(status).toBe(404)
      expect(text).not.toMatch(/test-run|run-\d/)
    },
  )

  test('opens no incident of another type, and does not name it', async () => {
    const opened = (type: string) => world.call('POST', '/v1/incidents', { body: { type, inputs: { run: 'x' } } })
    const [other, none] = [await opened('test-run'), await opened('none-such')]
    expect(other).toMatchObject({ status: none.status, json: { code: 'RUNBOOK_UNKNOWN_INCIDENT_TYPE' } })
    for (const { json } of [other, none]) expect(json.detail).toContain('Known: own-run.')
    expect((await opened('own-run')).status).toBe(200)
  })
})

test('an event stream ends when the grant is removed, and does not begin again', async () => {
  await world.grant(over('viewer', 'types: [own-run]'))
  const id = await world.open('own-run')
  const headers = { authorization: `Bearer ${world.tokens.operator}` }
  const stream = await fetch(`${world.api.url}/v1/incidents/${id}/events`, { headers })
  expect(stream.status).toBe(200)
  await world.grant(over('viewer', 'types: [test-run]'))
  expect(await stream.text()).toContain('event: opened')
  expect((await fetch(`${world.api.url}/v1/incidents/${id}/events`, { headers })).status).toBe(404)
})

describe('a decision', () => {
  const UPDATE: ProposedAction = {
    ...{ id: '0-sql.update', kind: 'sql.update', access: 'write', target: 'a' },
    ...{ with: { connection: 'db' }, preview: { summary: '' } },
  }
  const MAY_APPROVE = over('approver', 'types: [bad-thing]')

  async function waiting() {
    const id = await world.open('own-run')
    return { id, gate: `${id}.r1`, proposalDigest: await openTestGate(world, id, 1, [UPDATE]) }
  }
  const decide = ({ id, proposalDigest }: Awaited<ReturnType<typeof waiting>>, decision = 'approve') =>
    world.call('POST', `/v1/incidents/${id}/decision`, { body: { proposalDigest, decision } })

  async function permit({ id, gate }: Awaited<ReturnType<typeof waiting>>) {
    const engine = world.current.value
    const data = { round: 1, holds: true as const, because: '', targets: ['a', 'b'], skipped: {} }
    const recheck = { place: 'r1/recheck1', actor: 'engine', kind: 'recheck' as const, data }
    const [looked] = await recordEvents(engine.database, id, [recheck])
    const rules = {
      ...decidersOf(engine),
      ...{ keyring: engine.keyring, isAutoApproved: () => false, requesterMayApprove: true },
    }
    const request = { gate, target: 'a', recheckedAt: looked!.at, leaseMs: 1_000 }
    return takeProposedPermit(engine.database, rules, request)
  }

  beforeEach(() => world.grant(MAY_APPROVE))

  test('needs the role "approver", and groups still count', async () => {
    await world.grant(over('operator', 'types: [bad-thing]'))
    for (const decision of ['approve', 'reject']) {
      const refused = await decide(await waiting(), decision)
      expect(refused).toMatchObject({ status: 403, json: { detail: expect.stringContaining('operator has no role') } })
    }
    await world.grant(`${MAY_APPROVE}  - { role: admin, people: [reader] }\n`)
    const gate = await waiting()
    const { id, proposalDigest } = gate
    const body = { proposalDigest, decision: 'approve' }
    expect(await world.call('POST', `/v1/incidents/${id}/decision`, { as: 'reader', body })).toMatchObject({
      status: 403,
      json: { detail: expect.stringContaining('reader is in none of the groups') },
    })
    expect(await decide(gate)).toMatchObject({ status: 200, json: { state: 'approved' } })
    expect(await permit(gate)).toMatchObject({ granted: true })
  })

  test.each([
    ['the grant was removed', `access:\n${LEAD}`],
    ['the role became weaker', over('operator', 'types: [bad-thing]')],
    ['the grant is for another type', over('approver', 'types: [own-run]')],
    ['the grant is for another runbook', over('approver', 'runbooks: [own-runs]')],
    ['the section is for other people', 'access: [{ role: admin, people: [reader] }]\n'],
  ])('does not count for the permit after %s', async (_, access) => {
    const gate = await waiting()
    expect(await decide(gate)).toMatchObject({ status: 200, json: { state: 'approved' } })
    await world.grant(access)
    expect(await permit(gate)).toMatchObject({ granted: false, reason: 'not-approved' })
    await world.grant(MAY_APPROVE)
    expect(await permit(gate)).toMatchObject({ granted: true })
  })

  test('is not offered to a person without the role: the page says why', async () => {
    const { id } = await waiting()
    const text = async () => (await (await signIn(world, 'operator')).get(`/incidents/${id}`)).text
    expect(await text()).toContain('Approve')
    await world.grant(over('operator', 'types: [bad-thing]'))
    expect(await text()).toContain('operator has no role that may decide')
  })
})
