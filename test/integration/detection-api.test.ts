import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { detect } from '../../src/engine/detection/detect.ts'
import { flushSamples } from '../../src/engine/detection/samples.ts'
import { detectionSpecs } from '../../src/engine/detection/spec.ts'
import { doctorDetection } from '../../src/engine/setup/doctor-detection.ts'
import { reportDetectors } from '../../src/history/detectors.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { pool } from '../support/effects-world.ts'
import { openHttpWorld, type HttpWorld, type PersonName } from './http-world.ts'

const table = `watched_${randomBytes(4).toString('hex')}`

/** A runbook that is sampled every second; its symptom is a row in the table. */
const runbook = (name: string, more: string) => `version: 1
runbook: ${name}
incident: ${name}
title: A row is there
key: ${name}
symptom: size(seen.rows) > 0
detect: { every: 1s, for: 2${more} }
diagnose:
  seen: { check: sql.query, with: { connection: db, sql: SELECT n FROM ${table}, columns: { n: int } } }
causes:
  - { cause: anything, title: A row is there, because: a row, remedy: mend }
remedies:
  mend:
    title: Mend it
    do:
      - { action: manual, with: { instructions: remove the row } }
    approval: { by: [oncall], within: 15m }
    verify:
      checks:
        after: { check: sql.query, with: { connection: db, sql: SELECT n FROM ${table}, columns: { n: int } } }
      until: size(after.rows) == 0
      within: 1m
escalate: { to: [platform], message: an operator must act }
`

let world: HttpWorld
const admin = pool(inject('stack').postgresUrl, 1)
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), {
    env: { DB_READ: inject('stack').postgresUrl },
    runbooks: { 'open.yaml': runbook('opens', ''), 'shadow.yaml': runbook('shadowed', ', shadow: true') },
  })
  await admin.query(`CREATE TABLE ${table} (n integer)`)
  await reportDetectors(world.engine.database, detectionSpecs(world.engine), 0)
})
afterAll(async () => {
  await admin.query(`DROP TABLE ${table}`)
  await admin.end()
  await world?.close()
})

const get = async (path: string) => (await world.call('GET', path)).json
const change = (runbookName: string, verb: 'pause' | 'resume', as: PersonName = 'operator') =>
  world.call('POST', `/v1/detection/${runbookName}/${verb}`, { as, body: { reason: 'a migration runs' } })

/** Takes two samples, both of which count. */
async function sampleTwice(name: string) {
  for (let i = 0; i < 2; i += 1) {
    await detect(world.engine, { runbook: name, limitMs: 10_000 })
    await world.engine.database.query(`UPDATE runbook.episodes SET counted_at = counted_at - interval '1 minute'`)
  }
  await flushSamples(world.engine.database)
}

async function run(...args: string[]) {
  const env = { RUNBOOK_URL: world.api.url, RUNBOOK_TOKEN: world.authorization.authorization.slice('Bearer '.length) }
  const terminal = fakeTerminal({ env, width: 300 })
  return { code: await main(args, terminal), out: terminal.out, err: terminal.err }
}

test('the list shows the last sample and its cost; the report shows what was found, alone or with an alert', async () => {
  expect((await get('/v1/detection')).detectors).toMatchObject([
    { runbook: 'opens', state: 'not scheduled', everyMs: 1_000, shadow: false, last: null, samples: 0, episode: null },
    { runbook: 'shadowed', state: 'not scheduled', shadow: true },
  ])
  await world.engine.database.query('UPDATE runbook.detectors SET applied = spec, applied_at = clock_timestamp()')
  await admin.query(`INSERT INTO ${table} VALUES (1)`)
  await sampleTwice('opens')
  await sampleTwice('shadowed')
  const [opens, shadowed] = (await get('/v1/detection')).detectors
  const { incident } = opens.episode
  expect(opens).toMatchObject({
    state: 'sampled',
    last: { symptom: true, rows: 1, problem: null },
    samples: 2,
    unreadable: 0,
    recentMs: [expect.any(Number), expect.any(Number)],
    episode: { state: 'opened', incident: expect.stringMatching(/^INC-/), samples: 2 },
  })
  expect(shadowed.episode).toMatchObject({ state: 'shadow', incident: null })

  // An alert of the same key joins the incident and fires while the next sample is taken.
  await world.engine.database.query(
    `INSERT INTO runbook.alerts (source, fingerprint, status, incident, labels, annotations) VALUES ('generic', 'f', 'firing', $1, '{}', '{}')`,
    [incident],
  )
  await detect(world.engine, { runbook: 'opens', limitMs: 10_000 })
  const missed = await world.call('POST', '/v1/incidents', { body: { type: 'shadowed' } })
  await world.engine.database.query(`UPDATE runbook.episodes SET first_at = first_at - interval '2 days',
    last_at = last_at - interval '2 days', ended_at = clock_timestamp() - interval '1 day' WHERE runbook = 'shadowed'`)
  const report = await get('/v1/detection/report?since=3d')
  expect(report.runbooks).toMatchObject([
    {
      runbook: 'opens',
      episodes: [{ state: 'opened', incident }],
      alone: 0,
      withAlert: 1,
      undetected: [],
      truncated: false,
    },
    {
      runbook: 'shadowed',
      shadow: true,
      episodes: [{ state: 'shadow', incident: null, endedAt: expect.any(String) }],
      alone: 1,
      withAlert: 0,
      undetected: [{ incident: missed.json.incident, requester: 'person:operator' }],
    },
  ])
  expect((await get('/v1/detection/report?since=1h&runbook=shadowed')).runbooks[0].episodes).toEqual([])
  expect(await world.call('GET', '/v1/detection/report?runbook=nothing')).toMatchObject({ status: 404 })
  expect(await world.call('GET', '/v1/detection/report?since=ever')).toMatchObject({ status: 400 })

  const listed = await run('detect', 'list')
  expect([listed.code, listed.out]).toEqual([
    0,
    expect.stringMatching(/opens +sampled +1s .* ago +INC-\d+ .*1 row, \d+ B +0 of 2/),
  ])
  const reported = await run('detect', 'report', '--since', '3d')
  expect(reported.out).toContain('opens: 1 time with the symptom: 0 alone, 1 together with an alert')
  expect(reported.out).toMatch(/shadowed \(shadow: opens nothing\).*\n.*\n.*would have opened +none/)
  expect(reported.out).toContain(`not detected: ${missed.json.incident}, opened by person:operator`)
  expect(JSON.parse((await run('detect', 'report', '-o', 'json')).out).runbooks).toHaveLength(2)
})

test('a runbook that is not sampled any more is overdue, and the doctor says so unless somebody paused it', async () => {
  const { database, config } = world.engine
  const set = (what: string) => database.query(`UPDATE runbook.detectors SET ${what}`)
  const reported = async () => (await doctorDetection(config)).map(({ name }) => name)
  await set('applied = spec, applied_at = clock_timestamp(), last_at = clock_timestamp()')
  expect(await reported()).toEqual([])
  await set(`applied_at = clock_timestamp() - interval '1 hour', last_at = clock_timestamp() - interval '1 hour'`)
  expect((await get('/v1/detection')).detectors).toMatchObject([{ state: 'overdue' }, { state: 'overdue' }])
  expect(await reported()).toEqual(['detection of opens', 'detection of shadowed'])
  await change('opens', 'pause')
  expect(await reported()).toEqual(['detection of shadowed'])
  await change('opens', 'resume')
  await set('applied_at = clock_timestamp(), last_at = clock_timestamp()')
})

test('members of the deciding groups pause and resume a runbook; the pause blocks no remedy', async () => {
  expect(await change('opens', 'pause', 'reader')).toMatchObject({ status: 403, json: { code: 'RUNBOOK_NOT_ALLOWED' } })
  expect(await change('no-such', 'pause')).toMatchObject({ status: 404 })
  expect(await change('test-runs', 'pause')).toMatchObject({
    status: 404,
    json: { detail: expect.stringContaining('has no section "detect"') },
  })
  const { json } = await change('opens', 'pause')
  const paused = { state: 'paused', paused: { person: 'operator', reason: 'a migration runs' } }
  expect(json.detectors[0]).toMatchObject({ runbook: 'opens', ...paused })
  expect(await change('opens', 'pause')).toMatchObject({ status: 409 })
  expect((await get('/v1/controls')).controls).toEqual([])
  expect((await run('detect', 'list')).out).toMatch(/opens +paused .*operator: a migration runs/)
  expect(await run('detect', 'resume', 'opens', '--reason', 'done')).toMatchObject({ code: 0 })
  expect((await get('/v1/detection')).detectors[0]).toMatchObject({ state: 'sampled', paused: null })
  expect(await change('opens', 'resume')).toMatchObject({ status: 409 })
})
