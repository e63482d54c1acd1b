import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import type { Insights } from '../../src/engine/views/view-types.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { signIn, type BrowserSession } from './browser-session.ts'
import { openHttpWorld, openIncident, type HttpWorld } from './http-world.ts'

/** The history of four incidents with known times, all opened at the same moment. */

const HOSTILE = `=cmd|' /C calc'!A0<img src=x onerror=alert(1)>`
const DAY_MS = 86_400_000
/** Noon of a day in the past, so that messages at night are on the same day. */
const opened = new Date(Math.floor(Date.now() / DAY_MS) * DAY_MS - 10 * DAY_MS + DAY_MS / 2)
const at = (seconds: number) => new Date(opened.getTime() + seconds * 1_000).toISOString()

let world: HttpWorld
let superuser: pg.Client
let operator: BrowserSession
let ids: { detected: string; alerted: string; asked: string; handedOff: string }

beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), { env: { SLACK_WEBHOOK: 'http://127.0.0.1:9/hook' } })
  operator = await signIn(world, 'operator')
  superuser = new pg.Client({ connectionString: world.superuserUrl })
  await superuser.connect()
  const [detected, alerted, asked, handedOff] = await Promise.all([1, 2, 3, 4].map(() => openIncident(world)))
  ids = { detected: detected!, alerted: alerted!, asked: asked!, handedOff: handedOff! }
  await superuser.query('SET session_replication_role = replica')
  await superuser.query('DELETE FROM runbook.events')
  await fill()
})
afterAll(async () => {
  await superuser?.end()
  await world?.close()
})

async function fill(): Promise<void> {
  await incident(ids.detected, 'detect:test-runs', 'resolved', 110, 60)
  await superuser.query(
    `INSERT INTO runbook.episodes (runbook, type, key, first_at, counted_at, last_at, state, incident) VALUES ('test-runs', 'test-run', 'k', $1, $1, $1, 'opened', $2)`,
    [at(-120), ids.detected],
  )
  await gate(ids.detected, 'approved', 10, 70)
  await superuser.query(
    `INSERT INTO runbook.effects (gate, action, target, result, detail, at) VALUES ($1, '0', 'a', 'applied', '', $2)`,
    [`${ids.detected}.r1`, at(75)],
  )
  await verdict(ids.detected, true, 105)
  await incident(ids.alerted, 'alert:alertmanager', 'declined', 7_200, null)
  await alertEvent(ids.alerted, 1, at(-300))
  await alertEvent(ids.alerted, 2, 'no time at all')
  await event(ids.alerted, 3, null, 'not JSON, "kind":"alert"')
  await gate(ids.alerted, 'rejected', 20, 200)
  await superuser.query(
    `INSERT INTO runbook.decisions (jti, gate, person, decision, proposal_digest, token, comment, at) VALUES ('j', $1, 'lead', 'reject', $2, '', $3, $4)`,
    [`${ids.alerted}.r1`, '0'.repeat(64), HOSTILE, at(200)],
  )
  const findings = [
    { cause: 'paused', title: '', because: 'check jobs failed', holds: 'undetermined' },
    { cause: 'stalled', title: '', because: 'no', holds: false },
  ]
  await event(ids.alerted, 4, 'r1/findings', JSON.stringify({ data: { findings, round: 1 }, kind: 'findings' }))
  await incident(ids.asked, 'person:operator', 'expired', 3_600, null)
  await gate(ids.asked, 'expired', 10, null)
  await event(ids.asked, 5, null, JSON.stringify({ data: {}, kind: 'claimed' }), at(30))
  // The labels of this alert look like an event.
  await event(ids.handedOff, 1, null, JSON.stringify({ data: { labels: { kind: 'claimed' } }, kind: 'alert' }), at(30))
  await incident(ids.handedOff, 'handoff:INC-9', 'cancelled', 10, null)
  await gate(ids.handedOff, 'approved', 10, 20)
  await verdict(ids.handedOff, false, 90)
  // The message about the proposal was accepted at 23:30, the one about an opened incident asks nobody to act.
  await delivery(ids.asked, 1, 'r1/proposal', 'notified platform', 11.5 * 3_600)
  await delivery(ids.asked, 2, 'opened', 'notified platform', 11.5 * 3_600)
  await delivery(ids.asked, 3, 'r1/gate/reminder', 'not sent: the gate is expired by now', 11.5 * 3_600)
  await delivery(ids.asked, 4, 'r1/gate', 'notified platform', 60)
}

async function incident(id: string, requester: string, outcome: string, closed: number, acknowledged: number | null) {
  await superuser.query(
    `UPDATE runbook.incidents SET requester = $2, state = 'closed', outcome = $3, opened_at = $4, closed_at = $5, acknowledged_at = $6 WHERE id = $1`,
    [id, requester, outcome, opened, at(closed), acknowledged === null ? null : at(acknowledged)],
  )
}

async function gate(id: string, state: string, proposed: number, decided: number | null) {
  await superuser.query(
    `INSERT INTO runbook.gates (id, incident, round, remedy, proposal, proposal_digest, state, within_ms, opened_at, expires_at, decided_at)
     VALUES ($1, $2, 1, 'mend', '{}', $3, $4, 60000, $5, $5, $6)`,
    [`${id}.r1`, id, '0'.repeat(64), state, at(proposed), decided === null ? null : at(decided)],
  )
}

async function verdict(id: string, held: boolean, seconds: number) {
  await superuser.query(`INSERT INTO runbook.verdicts (gate, connection, held, at) VALUES ($1, 'db', $2, $3)`, [
    ...[`${id}.r1`, held],
    at(seconds),
  ])
}

async function event(id: string, seq: number, place: string | null, body: string, time = at(0)) {
  await superuser.query(
    `INSERT INTO runbook.events (incident, seq, at, place, body, prev, hash) VALUES ($1, $2, $3, $4, $5, '', '')`,
    [id, seq, time, place, body],
  )
}

/** The labels try to look like the time at which another alert started. */
const alertEvent = (id: string, seq: number, startsAt: string) =>
  event(
    id,
    seq,
    null,
    JSON.stringify({
      data: { labels: { startsAt: at(-9_000), status: 'firing' }, source: 'alertmanager', startsAt, status: 'firing' },
      kind: 'alert',
    }),
  )

const delivery = (id: string, seq: number, of: string, result: string, seconds: number) =>
  event(id, seq, null, JSON.stringify({ data: { of, channel: 'platform', result }, kind: 'delivery' }), at(seconds))

const read = async (query = ''): Promise<Insights> => (await world.call('GET', `/v1/insights${query}`)).json
const timesOf = ({ groups }: Insights, by: string) =>
  Object.fromEntries(
    groups.find((one) => one.by === by)!.segments.map((one) => [one.segment, [one.count, one.p50Ms, one.p90Ms]]),
  )

describe('GET /v1/insights', () => {
  test('has each part of the incidents with its percentiles; a time that is not known is not counted', async () => {
    const found = await read()
    const expected = {
      // -300 s by the alert, -120 s by detection. Neither the labels nor the unreadable events count.
      'onset to detected': [2, 120_000, 300_000],
      // One was acknowledged, one was claimed, and on one a person decided.
      'detected to acknowledged': [3, 60_000, 200_000],
      'detected to proposed': [4, 10_000, 20_000],
      'proposed to decided': [3, 60_000, 180_000],
      'decided to applied': [1, 5_000, 5_000],
      'applied to verified': [1, 30_000, 30_000],
    }
    expect(timesOf(found, 'all')).toEqual(expected)
    for (const by of ['runbook', 'type', 'month']) expect(timesOf(found, by)).toEqual(expected)
    expect(found.groups.map(({ by, name }) => [by, name])).toEqual([
      ['all', ''],
      ['month', at(0).slice(0, 7)],
      ['runbook', 'test-runs'],
      ['type', 'test-run'],
    ])
  })

  test('counts who found the incidents, and those that were healthy within 30 minutes', async () => {
    const [all] = (await read()).groups
    expect(all).toMatchObject({ incidents: 4, reported: 3, byDetection: 1, byAlerts: 1, byPeople: 1 })
    // The cancelled incident says nothing about the system.
    expect(all).toMatchObject({ judged: 3, healthy: 1 })
  })

  test('has rejections with their reasons, expired gates, remedies that did not help, and undetermined causes', async () => {
    const { rejections, remedies, undetermined } = await read()
    expect(rejections).toMatchObject([{ incident: ids.alerted, person: 'lead', why: HOSTILE, nextCause: false }])
    expect(remedies).toEqual([
      {
        ...{ runbook: 'test-runs', remedy: 'mend', proposals: 4, approved: 2, rejected: 1, expired: 1 },
        ...{ verified: 2, helped: 1, lastFailure: ids.handedOff },
      },
    ])
    expect(undetermined).toEqual([
      { runbook: 'test-runs', cause: 'paused', incidents: 1, lastIncident: ids.alerted, because: 'check jobs failed' },
    ])
  })

  test('counts messages that ask somebody to act, by person, at night in the time zone', async () => {
    expect((await read()).messages).toEqual([{ person: 'lead', night: 1, day: 1 }])
    // 23:30 UTC is 13:30 in Honolulu, and 12:01 UTC is 02:01 there.
    expect((await read('?zone=pacific/honolulu')).messages).toEqual([{ person: 'lead', night: 1, day: 1 }])
    expect((await read('?zone=Asia/Tokyo')).messages).toEqual([{ person: 'lead', night: 0, day: 2 }])
  })

  test('of a period without incidents counts none and knows no time', async () => {
    const { groups, messages } = await read('?since=1h')
    expect(groups).toMatchObject([{ by: 'all', incidents: 0, judged: 0, segments: [] }])
    expect(messages).toEqual([])
  })

  test.each(['since=soon', 'since=9999d', 'zone=Nowhere/Land', "zone=';DROP"])('refuses %s', async (query) => {
    expect((await world.call('GET', `/v1/insights?${query}`)).status).toBe(400)
    expect((await operator.get(`/insights?${query}`)).status).toBe(400)
  })

  test('is one read of the history for ten readers', async () => {
    const { database } = world.engine
    const connect = database.connect.bind(database)
    let reads = 0
    database.connect = ((...given: []) => {
      reads += 1
      return connect(...given)
    }) as typeof connect
    await Promise.all(Array.from({ length: 10 }, () => world.call('GET', '/v1/insights?since=77d')))
    database.connect = connect
    expect(reads).toBe(1)
  })
})

describe('the page', () => {
  test('has charts with a label, tables with captions, and stays text', async () => {
    const { text, status } = await operator.get('/insights')
    expect(status).toBe(200)
    expect(text.match(/<svg class="graph chart" role="img" aria-label="[^"]+"/g)).toHaveLength(3)
    for (const part of ['How long each part took', 'did not help', 'check jobs failed', '1 of 3 (33 %)'])
      expect(text).toContain(part)
    expect(text).toContain('onerror=alert(1)&gt;')
    expect(text).not.toContain('<img')
    expect(text.length).toBeLessThan(100_000)
    expect((await operator.get('/')).text).toContain('href="/insights"')
  })

  test('gives each table as CSV, in which no cell is a formula', async () => {
    const answer = await operator.get('/insights/csv/rejections')
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8')
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="insights-rejections.csv"')
    expect(answer.text).toContain(`,'=cmd|`)
    for (const name of ['times', 'groups', 'remedies', 'undetermined', 'messages']) {
      const { text } = await operator.get(`/insights/csv/${name}?zone=UTC`)
      expect(text.split('\r\n').length, name).toBeGreaterThan(2)
      expect(text, name).not.toMatch(/(^|,|\n)[=+@-]/)
    }
    expect((await operator.get('/insights/csv/anything')).status).toBe(404)
  })

  test('says that nothing is known where there are no incidents', async () => {
    const { text } = await operator.get('/insights?since=1h&zone=')
    expect(text).toContain('No time is known.')
    expect(text).toContain('no incident is counted')
  })
})

test('runbook insights prints the tables, and JSON', async () => {
  const env = { RUNBOOK_URL: world.api.url, RUNBOOK_TOKEN: world.tokens.operator }
  const terminal = fakeTerminal({ env, cwd: world.root })
  expect(await main(['insights', '--since', '30d'], terminal)).toBe(0)
  expect(terminal.out).toContain('Healthy within 30 minutes: 1 of 3 (33 %)')
  expect(terminal.out).toMatch(/proposed to decided\s+3\s+1m 00s\s+3m 00s/)
  const json = fakeTerminal({ env, cwd: world.root })
  expect(await main(['insights', '--since', '30d', '-o', 'json'], json)).toBe(0)
  expect(JSON.parse(json.out).groups[0].incidents).toBe(4)
})
