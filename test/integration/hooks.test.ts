import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

const BEARER = 'the-token-of-the-alertmanager'
const GRAFANA = 'the-secret-of-the-contact-point'
const GENERIC = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`

const CONFIG = `hooks:
  alertmanager: { bearer: "\${HOOK_BEARER}" }
  grafana: { hmac: { secret: "\${HOOK_GRAFANA}", timestampHeader: X-Time } }
  generic: { standardWebhooks: "\${HOOK_GENERIC}" }
`
const RULES = `[{ match: { alertname: RunStuck }, incident: test-run, inputs: { run: labels.run_id } }, { match: { alertname: NoInput }, incident: test-run }, { match: { alertname: Unknown }, incident: no-such-type }, { match: { alertname: Storm }, incident: storm-run, inputs: { run: labels.run_id } }]`

const STORM = `version: 1
runbook: storm-runs
incident: storm-run
title: Many alerts arrive at once
inputs: { run: { type: string } }
key: storm-run/\${{ inputs.run }}
diagnose:
  seen: { check: sql.query, with: { connection: db, sql: SELECT 1 AS n, columns: { n: int } } }
causes:
  - { cause: anything, title: Something was seen, when: size(seen.rows) > 0, because: one row, remedy: none }
escalate: { to: [platform], message: an operator must act }
`

let world: HttpWorld
beforeAll(async () => {
  const env = { HOOK_BEARER: BEARER, HOOK_GRAFANA: GRAFANA, HOOK_GENERIC: GENERIC }
  world = await openHttpWorld(inject('stack'), {
    config: CONFIG,
    alerts: RULES,
    env,
    runbooks: { 'storm.yaml': STORM },
  })
})
afterAll(() => world?.close())

let count = 0
/** An alert of Alertmanager about a run that no other test uses. */
function newAlert(more: object = {}) {
  count += 1
  return {
    status: 'firing',
    labels: { alertname: 'RunStuck', run_id: `alert-${count}` },
    annotations: { summary: 'does not move' },
    startsAt: '2026-03-14T03:10:37.000Z',
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus:9090/graph',
    fingerprint: `f${count}`,
    ...more,
  }
}
const send = (alerts: unknown[], { token = BEARER, more = {} }: { token?: string; more?: object } = {}) =>
  world.call('POST', '/v1/hooks/alertmanager', { token, body: { version: '4', groupKey: '{}', alerts, ...more } })
const show = async (incident: string) => (await world.call('GET', `/v1/incidents/${incident}`)).json
const resolvedOf = (alert: object) => ({ ...alert, status: 'resolved', endsAt: '2026-03-14T03:20:00.000Z' })

/** Closes an incident, as a worker would. */
async function close(incident: string, outcome: 'resolved' | 'escalated'): Promise<void> {
  await world.engine.database.query(
    `UPDATE runbook.incidents SET state = 'closed', outcome = $2, reason = 'test', closed_at = clock_timestamp() WHERE id = $1`,
    [incident, outcome],
  )
}

describe('an alert that fires', () => {
  test('opens an incident; its repeats are counted on it', async () => {
    const alert = newAlert()
    const first = await send([alert])
    const { incident } = first.json.alerts[0]
    expect(first).toMatchObject({
      status: 200,
      json: { alerts: [{ fingerprint: alert.fingerprint, result: 'opened', occurrences: 1 }] },
    })
    expect((await send([alert])).json.alerts).toEqual([
      { fingerprint: alert.fingerprint, result: 'repeated', incident, occurrences: 2 },
    ])
    const shown = await show(incident)
    expect(shown).toMatchObject({
      requester: 'alert:alertmanager',
      inputs: { run: alert.labels.run_id },
      occurrences: 2,
    })
    expect(shown.alerts).toMatchObject([
      { fingerprint: alert.fingerprint, status: 'firing', deliveries: 2, url: alert.generatorURL },
    ])
  })

  test('another alert with the same key joins the incident, and both are shown', async () => {
    const one = newAlert()
    const other = { ...newAlert(), labels: { ...one.labels, instance: 'b' } }
    const { alerts } = (await send([one, other])).json
    const results = alerts.map(({ result }: { result: string }) => result).toSorted()
    expect(results).toEqual(['joined', 'opened'])
    expect(alerts[0].incident).toBe(alerts[1].incident)
    expect((await show(alerts[0].incident)).alerts).toHaveLength(2)
  })

  test('a person and an alert meet in one incident', async () => {
    const alert = newAlert()
    const opened = await world.call('POST', '/v1/incidents', {
      body: { type: 'test-run', inputs: { run: alert.labels.run_id } },
    })
    expect((await send([alert])).json.alerts).toMatchObject([{ result: 'joined', incident: opened.json.incident }])
  })

  test('50 deliveries at once by two peers open one incident', async () => {
    const alert = newAlert()
    const all = await Promise.all(Array.from({ length: 50 }, () => send([alert])))
    const answers = all.map(({ json }) => json.alerts[0])
    expect(new Set(answers.map(({ incident }) => incident)).size).toBe(1)
    expect(answers.filter(({ result }) => result === 'opened')).toHaveLength(1)
    expect((await show(answers[0].incident)).occurrences).toBe(50)
  })

  test('that still fires after its incident was resolved is counted and opens nothing; when it fires again later, it opens one', async () => {
    const alert = newAlert()
    const { incident } = (await send([alert])).json.alerts[0]
    await close(incident, 'resolved')
    expect((await send([alert])).json.alerts).toMatchObject([{ result: 'quiet', incident }])
    const again = { ...alert, startsAt: '2026-03-14T04:00:00.000Z' }
    const [second] = (await send([again])).json.alerts
    expect(second).toMatchObject({ result: 'opened' })
    expect(second.incident).not.toBe(incident)
  })

  test.each(['deciding', 'applying', 'verifying'])(
    'while its incident is %s is counted there, and opens nothing',
    async (state) => {
      const alert = newAlert()
      const { incident } = (await send([alert])).json.alerts[0]
      const { database } = world.engine
      await database.query('UPDATE runbook.incidents SET state = $2 WHERE id = $1', [incident, state])
      const { workflowId } = await show(incident)
      const opened = async () =>
        (await world.call('GET', '/v1/incidents?limit=500&type=test-run')).json.incidents.length
      const messages = async () =>
        (await database.query(`SELECT FROM runbook.outbox_events WHERE incident = $1 AND place = 'opened'`, [incident]))
          .rowCount
      const before = [await opened(), await messages()]
      const later = { ...alert, startsAt: '2026-03-14T04:00:00.000Z' }
      const other = { ...newAlert(), labels: { ...alert.labels, instance: 'b' } }
      const results = []
      for (const one of [alert, later, other]) results.push((await send([one])).json.alerts[0])
      expect(results).toMatchObject([
        { result: 'repeated', incident },
        { result: 'repeated', incident },
        { result: 'joined', incident },
      ])
      expect([await opened(), await messages()]).toEqual(before)
      expect(await show(incident)).toMatchObject({ state, workflowId, occurrences: 4 })
    },
  )

  test('after its rule was changed belongs to the incident of the new key, and so does its end', async () => {
    const alert = newAlert({ labels: { alertname: 'RunStuck', run_id: 'rule-before', batch: 'rule-after' } })
    const { incident: former } = (await send([alert])).json.alerts[0]
    const { config } = world.engine
    const { alerts: rules } = config
    config.alerts = rules.map((rule, i) => (i === 0 ? { ...rule, inputs: { run: 'labels.batch' } } : rule))
    try {
      const [moved] = (await send([alert])).json.alerts
      expect(moved).toMatchObject({ result: 'opened', occurrences: 1 })
      expect(moved.incident).not.toBe(former)
      expect((await send([alert])).json.alerts).toMatchObject([{ result: 'repeated', incident: moved.incident }])
      expect(await show(former)).toMatchObject({ occurrences: 1, inputs: { run: 'rule-before' } })
      expect(await show(moved.incident)).toMatchObject({ occurrences: 2, inputs: { run: 'rule-after' } })
      expect((await send([resolvedOf(alert)])).json.alerts).toMatchObject([
        { result: 'resolved', incident: moved.incident },
      ])
      expect((await show(moved.incident)).alerts).toMatchObject([{ status: 'resolved', deliveries: 4 }])
      const ends = async (incident: string) => {
        const { timeline } = (await world.call('GET', `/v1/incidents/${incident}/review.json`)).json
        return timeline.filter(({ text }: { text: string }) => text.includes('is resolved')).length
      }
      expect([await ends(former), await ends(moved.incident)]).toEqual([0, 1])
    } finally {
      config.alerts = rules
    }
  })

  test('is counted while the key is quiet after an escalation', async () => {
    const alert = newAlert()
    const { incident } = (await send([alert])).json.alerts[0]
    await close(incident, 'escalated')
    const again = { ...alert, startsAt: '2026-03-14T04:00:00.000Z' }
    expect((await send([again])).json.alerts).toMatchObject([{ result: 'quiet', incident }])
  })
})

test('an alert that fires and ends 80 times adds at most 51 events to its incident’s history', async () => {
  const alert = newAlert()
  const { incident } = (await send([alert])).json.alerts[0]
  for (let i = 0; i < 80; i += 1) {
    await send([resolvedOf(alert)])
    await send([{ ...alert, startsAt: new Date(Date.parse(alert.startsAt) + (i + 1) * 60_000).toISOString() }])
  }
  const { timeline } = (await world.call('GET', `/v1/incidents/${incident}/review.json`)).json
  expect(timeline.filter(({ kind }: { kind: string }) => kind === 'alert')).toHaveLength(51)
  expect((await show(incident)).occurrences).toBe(81)
})

test('a storm of 2,000 alerts in 50 groups makes 50 incidents, and every alert is counted once', async () => {
  const before = (await world.call('GET', '/v1/incidents?limit=500&type=storm-run')).json.incidents.length
  const alerts = Array.from({ length: 2_000 }, (_, i) =>
    newAlert({ labels: { alertname: 'Storm', run_id: `storm-${i % 50}`, instance: String(i) } }),
  )
  const deliveries = Array.from({ length: 200 }, (_, i) => alerts.slice(i * 10, i * 10 + 10)).values()
  const results = new Map<string, number>()
  const deliver = async () => {
    for (const delivery of deliveries)
      for (const { result } of (await send(delivery)).json.alerts as { result: string }[])
        results.set(result, (results.get(result) ?? 0) + 1)
  }
  await Promise.all(Array.from({ length: 16 }, deliver))
  expect(Object.fromEntries(results)).toEqual({ opened: 50, joined: 1_950 })
  const { incidents } = (await world.call('GET', '/v1/incidents?limit=500&type=storm-run')).json
  expect(incidents.length - before).toBe(50)
  expect(incidents.every(({ occurrences }: { occurrences: number }) => occurrences === 40)).toBe(true)
})

describe('an alert that is resolved', () => {
  test('is recorded on its incident, once; a late repeat of the same alert opens nothing', async () => {
    const alert = newAlert()
    const { incident } = (await send([alert])).json.alerts[0]
    const answer = await send([resolvedOf(alert)])
    expect(answer.json.alerts).toEqual([{ fingerprint: alert.fingerprint, result: 'resolved', incident }])
    await send([resolvedOf(alert)])
    expect((await send([alert])).json.alerts).toMatchObject([{ result: 'late', incident }])
    expect((await show(incident)).alerts).toMatchObject([{ status: 'resolved', resolvedAt: expect.any(String) }])
    const { timeline } = (await world.call('GET', `/v1/incidents/${incident}/review.json`)).json
    const texts = timeline
      .filter(({ kind }: { kind: string }) => kind === 'alert')
      .map(({ text }: { text: string }) => text)
    expect(texts).toEqual([
      `alertmanager: the alert RunStuck fires (run_id=${alert.labels.run_id})`,
      `alertmanager: the alert RunStuck is resolved (run_id=${alert.labels.run_id})`,
    ])
  })

  test('before it was received as firing is listed with the reason, and its late start opens nothing', async () => {
    const alert = newAlert()
    const answer = await send([resolvedOf(alert)])
    expect(answer).toMatchObject({ status: 200, json: { alerts: [{ result: 'resolved' }] } })
    expect(answer.json.alerts[0]).not.toHaveProperty('incident')
    const { alerts } = (await world.call('GET', '/v1/alerts/unmatched')).json
    const listed = alerts.find(({ fingerprint }: { fingerprint: string }) => fingerprint === alert.fingerprint)
    expect(listed).toMatchObject({ status: 'resolved', problem: expect.stringContaining('had ended when') })
    expect((await send([alert])).json.alerts).toEqual([{ fingerprint: alert.fingerprint, result: 'late' }])
    expect((await send([{ ...alert, startsAt: '2026-03-14T05:00:00.000Z' }])).json.alerts).toMatchObject([
      { result: 'opened' },
    ])
  })
})

describe('what cannot be used', () => {
  test('a mixed delivery is accepted; what is wrong with the others is said, and listed', async () => {
    const good = newAlert()
    const noRule = newAlert({ labels: { alertname: 'Other' } })
    const noInput = newAlert({ labels: { alertname: 'NoInput' } })
    const noType = newAlert({ labels: { alertname: 'Unknown' } })
    const broken = { status: 'firing', labels: { a: 1 }, fingerprint: 'broken' }
    const answer = await send([good, noRule, noInput, noType, broken], { more: { truncatedAlerts: 4 } })
    expect(answer.status).toBe(200)
    expect(answer.json).toMatchObject({
      alerts: [
        { result: 'opened' },
        { result: 'unmatched', problem: expect.stringContaining('no rule') },
        { result: 'unmatched', problem: expect.stringContaining('run: is required') },
        { result: 'unmatched', problem: expect.stringContaining('no-such-type') },
        { result: 'refused', problem: expect.stringContaining('labels.a'), fingerprint: 'broken' },
      ],
      truncated: 4,
    })
    const { alerts } = (await world.call('GET', '/v1/alerts/unmatched')).json
    const found = alerts.find(({ fingerprint }: { fingerprint: string }) => fingerprint === noInput.fingerprint)
    expect(found).toMatchObject({ labels: noInput.labels, problem: expect.stringContaining('run: is required') })
  })

  test('a delivery in which nothing can be used gets 422', async () => {
    expect((await send([newAlert({ labels: { alertname: 'Other' } })])).status).toBe(422)
  })

  test('an alert that was unmatched opens an incident once a rule matches it', async () => {
    const alert = newAlert({ labels: { alertname: 'LaterKnown', run_id: 'later' } })
    expect((await send([alert])).json.alerts).toMatchObject([{ result: 'unmatched' }])
    world.engine.config.alerts.push({
      match: { alertname: 'LaterKnown' },
      incident: 'test-run',
      inputs: { run: 'labels.run_id' },
    })
    expect((await send([alert])).json.alerts).toMatchObject([{ result: 'opened' }])
    const { alerts } = (await world.call('GET', '/v1/alerts/unmatched')).json
    expect(alerts.map(({ fingerprint }: { fingerprint: string }) => fingerprint)).not.toContain(alert.fingerprint)
  })

  test.each([
    ['not JSON', '{"alerts": [', 400],
    ['without alerts', '{"version": "4", "alerts": []}', 400],
    ['65 levels deep', `{"version": "4", "alerts": ${'['.repeat(101)}${']'.repeat(101)}}`, 400],
    ['larger than 4 MB', `{"x": "${'x'.repeat(4 * 1024 * 1024)}"}`, 413],
  ])('a body that is %s is refused', async (_what, body, status) => {
    expect((await world.call('POST', '/v1/hooks/alertmanager', { token: BEARER, body })).status).toBe(status)
  })

  test('a body of several hundred alerts is accepted', async () => {
    const answer = await send(Array.from({ length: 400 }, () => newAlert({ annotations: { text: 'x'.repeat(1_000) } })))
    expect(answer.status).toBe(200)
    expect(answer.json.alerts.every(({ result }: { result: string }) => result === 'opened')).toBe(true)
  })
})

describe('credentials', () => {
  test('a person’s token is not a credential of a source, and the other way round', async () => {
    expect((await world.call('POST', '/v1/hooks/alertmanager', { body: {} })).status).toBe(401)
    expect((await world.call('POST', '/v1/hooks/alertmanager', { as: null, body: {} })).status).toBe(401)
    expect((await world.call('GET', '/v1/incidents', { token: BEARER })).status).toBe(401)
  })

  test('Grafana signs the time and the body', async () => {
    const body = JSON.stringify({ version: '1', orgId: 1, alerts: [newAlert()] })
    const headers = (time: string) => ({
      'x-time': time,
      'x-grafana-alerting-signature': createHmac('sha256', GRAFANA).update(`${time}:${body}`).digest('hex'),
    })
    const call = (time: string, sent = body) =>
      world.call('POST', '/v1/hooks/grafana', { as: null, body: sent, headers: headers(time) })
    const now = Math.floor(Date.now() / 1_000)
    expect(await call(String(now))).toMatchObject({ status: 200, json: { alerts: [{ result: 'opened' }] } })
    expect((await call(String(now - 400))).status).toBe(401)
    expect((await call(String(now), `${body} `)).status).toBe(401)
  })

  test('a delivery by Standard Webhooks that is sent again counts once', async () => {
    const body = JSON.stringify({ labels: newAlert().labels })
    const at = new Date()
    const headers = {
      'webhook-id': `msg-${count}`,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
      'webhook-signature': new Webhook(GENERIC).sign(`msg-${count}`, at, body),
    }
    const call = () => world.call('POST', '/v1/hooks/generic', { as: null, body, headers })
    const { incident } = (await call()).json.alerts[0]
    expect((await call()).json.alerts).toMatchObject([{ result: 'repeated', incident, occurrences: 1 }])
    expect((await show(incident)).alerts).toMatchObject([{ deliveries: 1 }])
  })

  test('a source that does not exist is not found', async () => {
    expect((await world.call('POST', '/v1/hooks/nagios', { as: null, body: {} })).status).toBe(400)
  })
})

describe('runbook alerts explain', () => {
  const explain = async (alert: object) => {
    const body = { source: 'alertmanager', payload: { version: '4', alerts: [alert] } }
    return (await world.call('POST', '/v1/alerts/explain', { body })).json.alerts[0]
  }

  test('says what receiving would do, in every state, and changes nothing', async () => {
    const alert = newAlert()
    const key = `test-run/${alert.labels.run_id}`
    expect(await explain(alert)).toMatchObject({
      would: `open an incident with the key "${key}"`,
      rule: 0,
      runbook: 'test-runs',
      key,
    })
    expect(await explain(alert)).toMatchObject({ would: expect.stringContaining('open an incident') })
    const { incident } = (await send([alert])).json.alerts[0]
    expect(await explain(alert)).toMatchObject({ would: expect.stringContaining(`join ${incident}`), incident })
    expect(await explain(resolvedOf(alert))).toMatchObject({ would: `be recorded on ${incident} as resolved` })
    await close(incident, 'resolved')
    expect(await explain(alert)).toMatchObject({
      would: expect.stringContaining('the same alert still fires'),
      incident,
    })
    await send([resolvedOf(alert)])
    expect(await explain(alert)).toMatchObject({ would: expect.stringContaining('the end of this alert') })
    expect(await explain(newAlert({ labels: {} }))).toMatchObject({
      would: expect.stringContaining('unmatched'),
      rule: null,
    })
    expect(await explain({})).toMatchObject({ would: expect.stringContaining('refused') })
    expect((await show(incident)).alerts).toMatchObject([{ deliveries: 2 }])
  })
})
