import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { IR_VERSION } from '../../src/core/plan.ts'
import { turnFreeze } from '../../src/engine/freeze.ts'
import { breakerOf, pauseOf, readControls, switchControl } from '../../src/gate/controls.ts'
import { recordApplied, reportDetectors } from '../../src/history/detectors.ts'
import { ADVISORY_LOCKS, lockShared } from '../../src/history/advisory-locks.ts'
import { beginOutage } from '../../src/history/outages.ts'
import { reportWorker } from '../../src/history/workers.ts'
import { signIn, type BrowserSession } from './browser-session.ts'
import { openHttpWorld, openIncident, type HttpWorld } from './http-world.ts'

const HOSTILE = `<img src=x onerror=alert(1)>"'><script>alert(2)</script>\u202Egnp.exe`
const markup = /<img|<script(?! type="module" src="\/assets)|\u202E/

let world: HttpWorld
let operator: BrowserSession
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), { config: 'environment: production\n' })
  operator = await signIn(world, 'operator')
})
afterEach(async () => {
  if ((await controls()).includes('freeze'))
    await turnFreeze(world.databaseUrl, { on: false, person: 'a test', reason: 'the test is over' })
})
afterAll(() => world?.close())

const controls = async () => (await readControls(world.engine.database)).map(({ name }) => name)
const freezeAt = async () => (await readControls(world.engine.database)).find(({ name }) => name === 'freeze')!.at
const statusPage = async () => (await operator.get('/status')).text
/** The text of one section of the page. */
const sectionOf = (text: string, title: string) => text.split('<h2>').find((part) => part.startsWith(title))!

describe('the status page', () => {
  test('says what is missing when nothing runs yet', async () => {
    const text = await statusPage()
    for (const part of [
      'No freeze is on',
      'No breaker is open.',
      'Temporal answers.',
      'No worker has reported lately',
      'No runbook is sampled.',
      'No message failed',
    ])
      expect(text).toContain(part)
    expect(sectionOf(text, 'Connections')).toMatch(/db<\/bdi><\/a><\/th><td>postgres<\/td><td>none/)
    expect((await operator.get('/')).text).toContain('href="/status"')
  })

  test('shows workers, and tells those that run from those that are silent', async () => {
    const { database } = world.engine
    const stalls = { count: 2, maxMs: 3_000, last: { ms: 1_000, agoMs: 5 } }
    await reportWorker(database, { id: 'one', identity: '1@here', irVersion: IR_VERSION, signingKeys: null, stalls })
    await reportWorker(database, {
      id: 'two',
      identity: '2@there',
      irVersion: 1,
      signingKeys: null,
      stalls: { count: 0, maxMs: 0 },
    })
    await database.query(
      `UPDATE runbook.workers SET seen_at = clock_timestamp() - interval '5 minutes' WHERE id = 'two'`,
    )
    const workers = sectionOf(await statusPage(), 'Workers')
    expect(workers).not.toContain('No worker has reported lately')
    expect(workers).toMatch(/1@here<\/bdi><\/th><td>runs<\/td>.*?2 times, at most 3s/)
    expect(workers).toMatch(/2@there<\/bdi><\/th><td>silent<\/td><td>5m 00s ago<\/td><td>1<\/td><td>never/)
  })

  test('shows connections that incidents wait for, open breakers, and messages that were not accepted', async () => {
    const { database } = world.engine
    const id = await openIncident(world)
    await beginOutage(database, id, { connection: 'db', why: 'connection refused', stage: 'r1/check', waitMs: 60_000 })
    const change = { control: breakerOf('db'), person: 'engine', reason: 'three in a row' }
    await switchControl(database, { ...change, on: true })
    const add = `INSERT INTO runbook.outbox (incident, place, channel, problem, ended_at) VALUES ($1, $2, 'platform', 'answered 500', $3)`
    await database.query(add, [id, 'r1/gate', null])
    await database.query(add, [id, 'r1/escalation', new Date()])
    const text = await statusPage()
    expect(sectionOf(text, 'Connections')).toMatch(/postgres<\/td><td>1<\/td>.*connection refused/)
    expect(sectionOf(text, 'Breakers')).toMatch(/breaker\/db.*engine.*three in a row/)
    expect(sectionOf(text, 'Messages')).toMatch(/sent again<\/td><td>1<.*given up in the last 24 hours<\/td><td>1</)
    await switchControl(database, { ...change, on: false })
  })

  test('shows the schedules with their state', async () => {
    const { database } = world.engine
    const spec = JSON.stringify({ everyMs: 60_000 })
    await reportDetectors(database, { running: spec, paused: spec, added: spec, late: spec }, 0)
    await switchControl(database, { control: pauseOf('paused'), on: true, person: 'lead', reason: 'noisy' })
    for (const runbook of ['running', 'paused', 'late'])
      await recordApplied(database, { runbook, spec, isPaused: runbook === 'paused' })
    await database.query(
      `UPDATE runbook.detectors SET applied_at = clock_timestamp() - interval '5 minutes' WHERE runbook = 'late'`,
    )
    const schedules = sectionOf(await statusPage(), 'Schedules')
    expect(schedules).toContain('running</bdi></th><td>1m</td><td>sampled</td><td>none yet')
    expect(schedules).toContain('paused</bdi></th><td>1m</td><td>paused by <bdi>lead</bdi>: <bdi>noisy')
    expect(schedules).toContain('added</bdi></th><td>1m</td><td>not scheduled')
    expect(schedules).toContain('late</bdi></th><td>1m</td><td>overdue')
  })

  test('shows maintenance that is active, and not the one that ended', async () => {
    const { database } = world.engine
    const add = `INSERT INTO runbook.maintenance (connection, reason, person, starts_at, ends_at)
      VALUES ('db', $1, 'operator', now(), now() + interval '2 hours')`
    for (const reason of ['a move', 'an upgrade']) await database.query(add, [reason])
    await database.query(`UPDATE runbook.maintenance SET ended_by = 'lead', ended_at = now() WHERE reason = 'a move'`)
    const text = sectionOf(await statusPage(), 'Maintenance')
    expect(text).toMatch(/db<\/bdi><\/th><td>active<.*operator.*an upgrade/s)
    expect(text).not.toContain('a move')
  })

  test('is there as JSON for the API', async () => {
    const { status, json } = await world.call('GET', '/v1/status', { as: 'viewer' })
    expect(status).toBe(200)
    expect(json).toMatchObject({
      ...{ freeze: null, breakers: [], inFlight: [], temporal: null, irVersion: IR_VERSION },
      connections: [{ name: 'db', kind: 'postgres' }],
      maintenance: { heldAlerts: 0, heldEpisodes: 0 },
      outbox: { waiting: [{ channel: 'platform', messages: 1 }], givenUp: [{ channel: 'platform', messages: 1 }] },
    })
    expect(json.workers.map(({ runs }: { runs: boolean }) => runs)).toContain(true)
    expect(json.detectors).toHaveLength(4)
  })

  test('stays below 100 kB with many workers, and says how many are not shown', async () => {
    await world.engine.database.query(
      `INSERT INTO runbook.workers (id, identity, ir_version, stalls, max_stall_ms)
       SELECT 'many' || n, n || '@' || repeat('h', 60), 2, 0, 0 FROM generate_series(1, 90) n`,
    )
    const text = await statusPage()
    expect(text.length).toBeLessThan(100_000)
    expect(sectionOf(text, 'Workers')).toMatch(/Not shown: \d+ more of \d+/)
    await world.engine.database.query(`DELETE FROM runbook.workers WHERE starts_with(id, 'many')`)
  })
})

describe('the freeze', () => {
  test('is turned on and off from the page in the name of the person, and recorded in open incidents', async () => {
    const id = await openIncident(world)
    const on = await operator.post('/freeze', { reason: 'the failover' })
    expect([on.status, on.headers.get('location')]).toEqual([303, '/status'])
    const [freeze] = await readControls(world.engine.database)
    expect(freeze).toMatchObject({ name: 'freeze', person: 'operator', reason: 'the failover' })
    const text = await statusPage()
    expect(text).toContain('<title>Frozen: ')
    expect(sectionOf(text, 'Freeze')).toMatch(/Remedies are frozen.*operator.*the failover/)
    expect(text).toContain('Unfreeze production')
    expect((await operator.post('/unfreeze', { at: freeze!.at, reason: 'it is over' })).status).toBe(303)
    expect(await controls()).toEqual([])
    const events = await world.engine.database.query(
      `SELECT body FROM runbook.events WHERE incident = $1 AND body LIKE '%"control"%'`,
      [id],
    )
    expect(events.rows).toHaveLength(2)
  })

  test('needs a reason', async () => {
    const answer = await operator.post('/freeze', { reason: '  ' })
    expect(answer.status).toBe(400)
    expect(answer.text).toContain('the reason must have 1 to 2000 characters')
    expect(await controls()).toEqual([])
    await operator.post('/freeze', { reason: 'a test' })
    expect((await operator.post('/unfreeze', { at: await freezeAt() })).status).toBe(400)
    expect(await controls()).toEqual(['freeze'])
  })

  test('of somebody else is kept, and its person and reason are shown', async () => {
    await turnFreeze(world.databaseUrl, { on: true, person: 'somebody', reason: 'another reason' })
    const again = await operator.post('/freeze', { reason: 'mine' })
    expect(again.status).toBe(409)
    expect(again.text).toContain('already frozen by somebody')
    const stale = await operator.post('/unfreeze', { at: '2020-01-01T00:00:00.000Z', reason: 'mine is over' })
    expect(stale.status).toBe(409)
    expect(stale.text).toContain('it is not the freeze that you saw')
    expect(await readControls(world.engine.database)).toMatchObject([{ person: 'somebody', reason: 'another reason' }])
  })

  test('that is off cannot be turned off', async () => {
    const answer = await operator.post('/unfreeze', { at: '2020-01-01T00:00:00.000Z', reason: 'over' })
    expect(answer.status).toBe(409)
    expect(answer.text).toContain('no freeze was on any more')
  })

  test('says so when a session that it cannot end may still get a permit', async () => {
    const foreign = new pg.Client({ connectionString: world.superuserUrl })
    await foreign.connect()
    await foreign.query('BEGIN')
    await lockShared(foreign, ADVISORY_LOCKS.controls)
    const answer = await operator.post('/freeze', { reason: 'a test' })
    expect(answer.status).toBe(200)
    expect(answer.text).toMatch(/some database sessions were asking for a permit.*pid \d+ \(role /s)
    await foreign.end()
    expect(await controls()).toEqual(['freeze'])
  })

  test('a viewer and a form of another session change nothing', async () => {
    const viewer = await signIn(world, 'viewer')
    const page = await viewer.get('/status')
    expect(page.status).toBe(200)
    expect(page.text).not.toContain('name="reason"')
    expect((await viewer.post('/freeze', { reason: 'a test' })).status).toBe(403)
    expect((await operator.post('/freeze', { reason: 'a test', formToken: viewer.formToken })).status).toBe(403)
    expect(await controls()).toEqual([])
  })

  test('its reason, and other text from outside, stays text', async () => {
    await operator.post('/freeze', { reason: HOSTILE })
    await reportWorker(world.engine.database, {
      ...{ id: 'hostile', identity: HOSTILE, irVersion: 2, stalls: { count: 0, maxMs: 0 } },
      signingKeys: null,
    })
    const text = await statusPage()
    expect(text.split('onerror=alert(1)').length).toBeGreaterThan(2)
    expect(text).not.toMatch(markup)
  })
})
