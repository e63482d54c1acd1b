import fc from 'fast-check'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { PAYLOADS } from '../support/payloads.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

const BEARER = 'the-token-of-the-alertmanager'
/** How many deliveries are sent. For a long run: RUNBOOK_FUZZ=20000. */
const RUNS = Number(process.env['RUNBOOK_FUZZ'] ?? 1_000)
const SEED = Number(process.env['RUNBOOK_SEED'] ?? Date.now() % 1_000_000)
const AT_ONCE = 8

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), {
    config: `hooks:
  alertmanager: { bearer: "\${HOOK_BEARER}" }
  grafana: { bearer: "\${HOOK_BEARER}" }
  generic: { bearer: "\${HOOK_BEARER}" }
`,
    alerts:
      '[{ match: { alertname: RunStuck }, incident: test-run, inputs: { run: labels.run_id, threshold: annotations.threshold } }]',
    env: { HOOK_BEARER: BEARER },
  })
})
afterAll(() => world?.close())

const send = (source: string, body: string) => world.call('POST', `/v1/hooks/${source}`, { token: BEARER, body })

/** Handles each item once, several of them at the same time. */
async function eachOf<T>(items: T[], handle: (item: T) => Promise<void>): Promise<void> {
  const waiting = items.values()
  const work = async () => {
    for (const item of waiting) await handle(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
}

/** Usually returns a correct value, sometimes any JSON. */
const field = <T>(right: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 6, arbitrary: right as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: fc.jsonValue() })
const text = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom(...PAYLOADS), fc.constant('RunStuck'))
const texts = fc.dictionary(fc.oneof(fc.constantFrom('alertname', 'run_id', 'threshold', '__proto__', ''), text), text)
const times = ['2026-03-14T03:10:37Z', '0001-01-01T00:00:00Z', '2026-02-31T00:00:00Z', '9999-12-31T23:59:59+23:59']
const alert = fc.record(
  {
    status: field(fc.constantFrom('firing', 'resolved')),
    labels: field(texts),
    annotations: field(texts),
    startsAt: field(fc.constantFrom(...times)),
    generatorURL: field(text),
    fingerprint: field(text),
  },
  { requiredKeys: [] },
)
const delivery = fc.record(
  {
    version: field(fc.constant('4')),
    alerts: field(fc.array(alert, { maxLength: 4 })),
    truncatedAlerts: field(fc.integer()),
  },
  { requiredKeys: [] },
)
/** The text of a delivery: whole, cut off, or with one character replaced. */
const body = fc
  .tuple(delivery, fc.constantFrom('whole', 'cut', 'changed'), fc.nat(), text)
  .map(([value, how, at, other]) => {
    const whole = JSON.stringify(value)
    const position = at % Math.max(1, whole.length)
    if (how === 'cut') return whole.slice(0, position)
    return how === 'changed' ? `${whole.slice(0, position)}${other}${whole.slice(position + 1)}` : whole
  })
const source = fc.constantFrom('alertmanager', 'grafana', 'generic')

test(
  `${RUNS} deliveries of arbitrary content: each gets an answer, and never an internal error (seed ${SEED})`,
  async () => {
    const statuses = new Map<number, number>()
    await eachOf(fc.sample(fc.tuple(source, body), { numRuns: RUNS, seed: SEED }), async ([from, sent]) => {
      const answer = await send(from, sent)
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1)
      expect([200, 400, 422], `${from} ${sent}: ${answer.text}`).toContain(answer.status)
      if (answer.status === 400) expect(answer.json.detail, sent).not.toBe('')
      const { alerts = [] } = answer.json as { alerts?: { result: string; problem?: string }[] }
      for (const { result, problem } of alerts) if (result === 'refused') expect(problem, sent).toBeTruthy()
    })
    console.log(`hooks: ${[...statuses].map(([status, count]) => `${count} × ${status}`).join(', ')} (seed ${SEED})`)
    for (const status of [200, 400, 422]) expect(statuses.get(status), `answers ${status}`).toBeGreaterThan(0)
  },
  RUNS * 20 + 60_000,
)

test('300 attacks as labels and annotations arrive as data: stored unchanged, shown, and nothing else happens', async () => {
  const refused: string[] = []
  await eachOf(PAYLOADS, async (payload) => {
    const labels = { alertname: 'RunStuck', run_id: payload, other: payload }
    const attack = { status: 'firing', labels, annotations: { summary: payload }, fingerprint: payload.slice(0, 100) }
    const answer = await send('alertmanager', JSON.stringify({ version: '4', alerts: [attack] }))
    const [{ result, incident, problem }] = answer.json.alerts
    if (result === 'refused' || result === 'unmatched') {
      refused.push(`${result}: ${problem}`)
      return
    }
    const shown = await world.call('GET', `/v1/incidents/${incident}`)
    expect(shown.json.inputs.run, payload).toBe(payload)
    expect((await world.call('GET', `/v1/incidents/${incident}/review.md`)).status, payload).toBe(200)
  })
  // Only texts that the database cannot store, or that are longer than an input may be, are refused.
  for (const why of refused) expect(why).toMatch(/NUL|surrogates|2,?000|1,000/)
  expect(refused.length).toBeLessThan(30)
})
