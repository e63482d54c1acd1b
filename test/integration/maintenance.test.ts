import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { detect } from '../../src/engine/detection/detect.ts'
import { releaseAlerts } from '../../src/engine/maintenance/release-alerts.ts'
import { LOCK_SEEDS } from '../../src/history/advisory-locks.ts'
import { pool } from '../support/effects-world.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { openHttpWorld, type HttpWorld, type PersonName } from './http-world.ts'

const BEARER = 'the-token-of-the-alertmanager'
const table = `maintained_${randomBytes(4).toString('hex')}`
const check = (connection: string) =>
  `{ check: sql.query, with: { connection: ${connection}, sql: SELECT n FROM ${table}, columns: { n: int } } }`

/** A runbook about rows in the table, which it reads over this connection. */
const runbook = (name: string, connection: string) => `version: 1
runbook: ${name}
incident: ${name}
title: A row is there
inputs: { about: { type: string, default: all } }
key: ${name}/\${{ inputs.about }}
symptom: size(seen.rows) > 0
detect: { every: 1s, for: 1 }
diagnose: { seen: ${check(connection)} }
causes:
  - { cause: anything, title: A row is there, because: a row, remedy: mend }
remedies:
  mend:
    title: Mend it
    do: [{ action: manual, with: { instructions: remove the row } }]
    approval: { by: [oncall], within: 15m }
    verify: { checks: { after: ${check(connection)} }, until: size(after.rows) == 0, within: 1m }
escalate: { to: [platform], message: an operator must act }
`

const CONFIG = `hooks:
  alertmanager: { bearer: "\${HOOK_BEARER}" }
maintenance:
  - { cron: "0 3 * * *", for: 1h, timezone: Europe/Berlin, reason: nightly batch, runbook: never-sampled }
`
const RULES = `[{ match: { alertname: Here }, incident: here, inputs: { about: labels.about } }, { match: { alertname: There }, incident: there, inputs: { about: labels.about } }]`

let world: HttpWorld
const admin = pool(inject('stack').postgresUrl, 1)
beforeAll(async () => {
  await admin.query(`CREATE TABLE ${table} (n integer)`)
  await admin.query(`INSERT INTO ${table} VALUES (1)`)
  world = await openHttpWorld(inject('stack'), {
    config: CONFIG.replace('connections:', ''),
    alerts: RULES,
    env: { DB_READ: inject('stack').postgresUrl, HOOK_BEARER: BEARER },
    runbooks: { 'here.yaml': runbook('here', 'db'), 'there.yaml': runbook('there', 'db') },
  })
})
afterAll(async () => {
  await world?.close()
  await admin.query(`DROP TABLE ${table}`)
  await admin.end()
})

let about = ''
let count = 0
beforeEach(() => {
  about = `thing-${(count += 1)}`
})
afterEach(async () => {
  const { maintenance } = (await call('GET', '/v1/maintenance')).json
  for (const { id, isActive } of maintenance)
    if (id !== null && isActive) await call('POST', `/v1/maintenance/${id}/end`)
})

const call = (method: string, path: string, body?: unknown, as: PersonName = 'operator') =>
  world.call(method, path, { as, ...(body === undefined ? {} : { body }) })
const start = async (scope: object = {}) => {
  const { json } = await call('POST', '/v1/maintenance', { for: '2h', reason: 'an upgrade', ...scope })
  return json.id as string
}
const end = (id: string) => call('POST', `/v1/maintenance/${id}/end`)
const listed = async () => (await call('GET', '/v1/maintenance')).json

const alertNow = async (alertname: string, status: 'firing' | 'resolved' = 'firing') => {
  const alert = {
    status,
    labels: { alertname, about },
    startsAt: '2026-03-14T03:10:37.000Z',
    fingerprint: `${alertname}-${about}`,
  }
  const body = { version: '4', groupKey: '{}', alerts: [alert] }
  return (await world.call('POST', '/v1/hooks/alertmanager', { token: BEARER, body })).json.alerts[0]
}
const incidentsAbout = async () =>
  (
    await world.engine.database.query<{ id: string; key: string }>(
      'SELECT id, key FROM runbook.incidents WHERE key LIKE $1 ORDER BY number',
      [`%/${about}`],
    )
  ).rows

describe('during maintenance an alert is recorded and opens nothing', () => {
  test('and opens its incident when the maintenance has ended, once', async () => {
    const id = await start()
    expect(await alertNow('Here')).toMatchObject({ result: 'held' })
    expect(await alertNow('Here')).toMatchObject({ result: 'held' })
    expect((await listed()).heldAlerts).toBe(1)
    expect((await call('GET', '/v1/alerts/unmatched')).json.alerts).toEqual([])
    expect(await releaseAlerts(world.engine)).toEqual([])
    expect(await incidentsAbout()).toEqual([])

    await end(id)
    const released = await releaseAlerts(world.engine)
    const opened = await incidentsAbout()
    expect(opened).toMatchObject([{ key: `here/${about}` }])
    expect(released).toEqual([opened[0]!.id])
    const shown = (await call('GET', `/v1/incidents/${released[0]}`)).json
    expect(shown).toMatchObject({ requester: 'alert:alertmanager', alerts: [{ status: 'firing', deliveries: 3 }] })
    expect(await releaseAlerts(world.engine)).toEqual([])
    expect((await listed()).heldAlerts).toBe(0)
    expect(await alertNow('Here')).toMatchObject({ result: 'repeated', incident: released[0] })
  })

  test('and never does if it has ended meanwhile, also when a slower peer delivers it late', async () => {
    const id = await start()
    await alertNow('Here')
    expect(await alertNow('Here', 'resolved')).toMatchObject({ result: 'resolved' })
    expect(await alertNow('Here')).toMatchObject({ result: 'late' })
    await end(id)
    expect(await releaseAlerts(world.engine)).toEqual([])
    expect(await incidentsAbout()).toEqual([])
  })

  test('and never does if it ends between the moment when it is read and the moment when it would be released', async () => {
    const id = await start()
    const alert = { status: 'firing', labels: { alertname: 'Here', about }, fingerprint: about }
    await world.call('POST', '/v1/hooks/alertmanager', { token: BEARER, body: { version: '4', alerts: [alert] } })
    await end(id)
    const superuser = pool(world.superuserUrl, 2)
    const other = await superuser.connect()
    await other.query('BEGIN')
    await other.query('SELECT pg_advisory_xact_lock(hashtextextended($1, $2))', [
      `alertmanager/${about}`,
      LOCK_SEEDS.alert,
    ])
    const releasing = releaseAlerts(world.engine)
    const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'`
    await expect.poll(async () => (await superuser.query(waiting)).rowCount).toBeGreaterThan(0)
    await other.query(`UPDATE runbook.alerts SET status = 'resolved', resolved_at = now() WHERE fingerprint = $1`, [
      about,
    ])
    await other.query('COMMIT')
    other.release()
    expect(await releasing).toEqual([])
    expect(await incidentsAbout()).toEqual([])
    await superuser.end()
  })

  test('and is released even while thousands of older alerts are still held back by another maintenance', async () => {
    const [lasting, ending] = [await start({ runbook: 'here' }), await start({ runbook: 'there' })]
    await alertNow('There')
    const superuser = pool(world.superuserUrl, 1)
    await superuser.query(
      `INSERT INTO runbook.alerts (source, fingerprint, status, problem, labels, annotations, first_at, held)
       SELECT 'alertmanager', 'many-' || n, 'firing', 'held', '{}', '{}', now() - interval '1 hour', $1
       FROM generate_series(1, 2000) AS n`,
      [JSON.stringify({ inputs: { about: 'many' }, type: 'here' })],
    )
    await end(ending)
    const released = async () => [...(await releaseAlerts(world.engine)), ...(await incidentsAbout())]
    await expect.poll(released, { timeout: 20_000 }).not.toEqual([])
    expect(await incidentsAbout()).toMatchObject([{ key: `there/${about}` }])
    await superuser.query(`DELETE FROM runbook.alerts WHERE fingerprint LIKE 'many-%'`)
    await superuser.end()
    await end(lasting)
  })

  test('as "alerts explain" says before, with the reason and the end', async () => {
    const explain = async (alertname: string, status = 'firing') => {
      const alert = { status, labels: { alertname, about }, startsAt: '2026-03-14T03:10:37.000Z', fingerprint: about }
      const body = { source: 'alertmanager', payload: { version: '4', alerts: [alert] } }
      return (await call('POST', '/v1/alerts/explain', body)).json.alerts[0]
    }
    expect(await explain('Here')).toMatchObject({ would: expect.stringContaining('open an incident') })
    const id = await start({ runbook: 'here' })
    const { endsAt } = (await listed()).maintenance.find((one: { id: string }) => one.id === id)
    expect(await explain('Here')).toMatchObject({
      would: `be held and open nothing while maintenance lasts until ${endsAt}: an upgrade`,
      key: `here/${about}`,
      incident: null,
    })
    expect(await explain('Here', 'resolved')).toMatchObject({ would: expect.stringContaining('as resolved') })
    expect(await explain('There')).toMatchObject({ would: expect.stringContaining('open an incident') })
    expect((await listed()).heldAlerts).toBe(0)
    const { incident } = (await call('POST', '/v1/incidents', { type: 'here', inputs: { about } })).json
    expect(await explain('Here')).toMatchObject({ would: expect.stringContaining(`join ${incident}`) })
  })

  test('but joins an incident that was open before', async () => {
    const { incident } = (await call('POST', '/v1/incidents', { type: 'here', inputs: { about } })).json
    await start()
    expect(await alertNow('Here')).toMatchObject({ result: 'joined', incident })
  })

  test('only of the covered runbook', async () => {
    await start({ runbook: 'here' })
    expect(await alertNow('Here')).toMatchObject({ result: 'held' })
    expect(await alertNow('There')).toMatchObject({ result: 'opened' })
  })

  test('of every runbook that uses the connection', async () => {
    await start({ connection: 'db' })
    for (const name of ['Here', 'There']) expect(await alertNow(name)).toMatchObject({ result: 'held' })
  })
})

test('detection opens nothing during maintenance; what is still there when it ends opens with the next sample', async () => {
  const id = await start({ runbook: 'there' })
  const sample = () => detect(world.engine, { runbook: 'there', limitMs: 10_000 })
  expect((await sample()).did).toMatch(/^would have opened an incident, but maintenance lasts until .*: an upgrade$/)
  expect((await listed()).heldEpisodes).toBe(1)
  await end(id)
  expect((await sample()).did).toMatch(/^opened INC-/)
  expect((await listed()).heldEpisodes).toBe(0)
})

test('a maintenance is started and ended by members of the deciding groups, over the API and the command line', async () => {
  expect(await call('POST', '/v1/maintenance', { for: '2h', reason: 'x' }, 'reader')).toMatchObject({ status: 403 })
  expect(await call('POST', '/v1/maintenance', { for: '2h', reason: 'x', runbook: 'her' })).toMatchObject({
    status: 404,
    json: { detail: 'no runbook her; did you mean here?' },
  })
  expect(await call('POST', '/v1/maintenance', { for: 'long', reason: 'x' })).toMatchObject({ status: 400 })
  const both = { for: '2h', reason: 'x', runbook: 'here', connection: 'db' }
  expect(await call('POST', '/v1/maintenance', both)).toMatchObject({ status: 400 })

  const env = { RUNBOOK_URL: world.api.url, RUNBOOK_TOKEN: world.authorization.authorization.slice('Bearer '.length) }
  const run = async (...args: string[]) => {
    const terminal = fakeTerminal({ env, width: 200 })
    return { code: await main(['maintenance', ...args], terminal), out: terminal.out, err: terminal.err }
  }
  const started = await run('start', '--for', '30m', '--runbook', 'here', '--reason', 'an upgrade', '-o', 'json')
  expect(started).toMatchObject({ code: 0 })
  const { id } = JSON.parse(started.out)
  const { out } = await run('list')
  expect(out).toMatch(new RegExp(`${id} +active +runbook here .* operator +an upgrade`))
  expect(out).toMatch(/- +(next|active) +runbook never-sampled .* 0 3 \* \* \* \(Europe\/Berlin\) +nightly batch/)
  expect((await run('end', id)).err).toContain('has ended')
  expect(await call('POST', `/v1/maintenance/${id}/end`)).toMatchObject({ status: 409 })
  expect(await call('POST', '/v1/maintenance/999999/end')).toMatchObject({ status: 404 })
})
