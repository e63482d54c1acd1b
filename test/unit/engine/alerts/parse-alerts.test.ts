import { describe, expect, test } from 'vitest'
import { parseAlerts } from '../../../../src/engine/alerts/parse-alerts.ts'

const ALERT = {
  status: 'firing',
  labels: { alertname: 'RunStuck', run_id: 'run-7' },
  annotations: { summary: 'run-7 does not move' },
  startsAt: '2026-03-14T03:10:37.000Z',
  endsAt: '0001-01-01T00:00:00Z',
  generatorURL: 'http://prometheus:9090/graph?g0.expr=up',
  fingerprint: '5b7d90c1e2f34a68',
}
const alertmanager = (alerts: unknown[], more = {}) => JSON.stringify({ version: '4', groupKey: '{}', alerts, ...more })
const COMMON = {
  fingerprint: '5b7d90c1e2f34a68',
  status: 'firing',
  labels: ALERT.labels,
  annotations: ALERT.annotations,
  startsAt: ALERT.startsAt,
}

describe('the formats', () => {
  test('Alertmanager, version 4', () => {
    expect(parseAlerts('alertmanager', alertmanager([ALERT], { truncatedAlerts: 3 }))).toEqual({
      alerts: [{ source: 'alertmanager', ...COMMON, url: ALERT.generatorURL }],
      truncated: 3,
    })
  })

  test('Grafana sends the fields of Alertmanager and more', () => {
    const grafana = { ...ALERT, dashboardURL: 'x', values: { B: 22 }, valueString: '[ var=B ]', silenceURL: 'y' }
    const { alerts } = parseAlerts('grafana', JSON.stringify({ version: '1', orgId: 1, alerts: [grafana] }))
    expect(alerts).toEqual([{ source: 'grafana', ...COMMON, url: ALERT.generatorURL }])
  })

  test('another source sends one alert, or a list; its fingerprint is that of its labels', () => {
    const labels = { check: 'queue', queue: 'emails' }
    const one = parseAlerts('generic', JSON.stringify({ labels })).alerts
    const list = parseAlerts(
      'generic',
      JSON.stringify({ alerts: [{ labels: { queue: 'emails', check: 'queue' } }] }),
    ).alerts
    expect(one).toEqual(list)
    expect(one).toMatchObject([{ status: 'firing', labels, startsAt: null, url: null }])
    expect(parseAlerts('generic', JSON.stringify({ labels: { ...labels, queue: 'sms' } })).alerts).not.toEqual(one)
  })
})

describe('what is not an alert', () => {
  test.each([
    ['it is not JSON', '{"alerts": ['],
    ['it is not JSON', ''],
    ['it is not a JSON object', '[]'],
    ['it has no list "alerts"', '{"version": "4"}'],
    ['it has no alerts', '{"version": "4", "alerts": []}'],
    ['its version is "3", and only "4" is known', '{"version": "3", "alerts": [{}]}'],
    ['its version is missing', '{"alerts": [{}]}'],
  ])('%s: the delivery is refused', (why, body) => {
    expect(() => parseAlerts('alertmanager', body)).toThrow(why)
  })

  test.each([
    ['status', { ...ALERT, status: 'pending' }],
    ['labels', { ...ALERT, labels: null }],
    ['labels.run_id', { ...ALERT, labels: { run_id: 7 } }],
    ['labels.run_id', { ...ALERT, labels: { run_id: 'x'.repeat(2_001) } }],
    ['labels.run_id', { ...ALERT, labels: { run_id: 'a\0b' } }],
    [
      'labels: more than 100 entries',
      { ...ALERT, labels: Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`l${i}`, ''])) },
    ],
    ['startsAt', { ...ALERT, startsAt: 'yesterday' }],
    ['alert', null],
    ['alert', 'text'],
  ])('an alert with a wrong %s is refused, and the others are read', (where, wrong) => {
    const { alerts } = parseAlerts('alertmanager', alertmanager([wrong, ALERT]))
    expect(alerts[0]).toMatchObject({ problem: expect.stringContaining(where) })
    expect(alerts[1]).toMatchObject(COMMON)
  })

  test('more than 2,000 alerts: the first 2,000 are read, each of the others is refused', () => {
    const { alerts } = parseAlerts('alertmanager', alertmanager(Array.from({ length: 2_002 }, () => ALERT)))
    expect(alerts.filter((alert) => 'problem' in alert)).toHaveLength(2)
  })
})

test('an annotation is cut and cleaned, because it is only shown; the zero time of Go is no time', () => {
  const annotations = { summary: `a\0${'b'.repeat(3_000)}` }
  const [alert] = parseAlerts(
    'alertmanager',
    alertmanager([{ ...ALERT, annotations, startsAt: '0001-01-01T00:00:00Z' }]),
  ).alerts
  expect(alert).toMatchObject({ startsAt: null, annotations: { summary: `a\uFFFD${'b'.repeat(1_998)}` } })
})

test.each(['javascript:alert(1)', 'data:text/html,x', '//evil', 'http://a\0b'])(
  'the link %j is left out',
  (generatorURL) => {
    expect(parseAlerts('alertmanager', alertmanager([{ ...ALERT, generatorURL }])).alerts).toMatchObject([
      { url: null },
    ])
  },
)

test('a label called __proto__ is a label', () => {
  const body = alertmanager([]).replace(
    '"alerts":[]',
    '"alerts":[{"status":"firing","labels":{"__proto__":"x","a":"b"}}]',
  )
  const [alert] = parseAlerts('alertmanager', body).alerts
  expect(alert).toMatchObject({ labels: { a: 'b' } })
  expect(({} as { x?: string }).x).toBeUndefined()
})
