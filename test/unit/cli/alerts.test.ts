import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import type { AlertView } from '../../../src/engine/views/view-types.ts'
import { fakeApi } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'

const UNMATCHED: AlertView = {
  source: 'grafana',
  fingerprint: 'f1',
  status: 'firing',
  problem: 'no rule under "alerts" matches',
  labels: { alertname: 'Odd\u001b[2J' },
  annotations: {},
  url: null,
  startsAt: null,
  firstAt: '2026-03-14T03:10:40.000Z',
  lastAt: '2026-03-14T03:10:40.000Z',
  resolvedAt: null,
  deliveries: 3,
}
const explanation = (payload: string) => ({
  alerts: [
    {
      fingerprint: payload,
      would: 'open an incident with the key "stuck-run/run-7"',
      rule: 1,
      type: 'stuck-run',
      runbook: 'stuck-runs',
      inputs: { run: 'run-7' },
      key: 'stuck-run/run-7',
      incident: null,
    },
  ],
  truncated: 2,
})

const folder = mkdtempSync(join(tmpdir(), 'runbook-alerts-'))
function file(name: string, content: string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

test('unmatched alerts are a table without control characters, or JSON', async () => {
  const { url } = await fakeApi({ 'GET /v1/alerts/unmatched': () => ({ alerts: [UNMATCHED] }) })
  const env = { RUNBOOK_URL: url, RUNBOOK_TOKEN: 't' }
  const table = fakeTerminal({ env, width: 120 })
  expect(await main(['alerts', 'unmatched'], table)).toBe(0)
  expect(table.out).toMatch(/ALERT +SOURCE +STATUS +LAST +TIMES +WHY/)
  expect(table.out).toContain('Odd\\u{1b}[2J')
  const json = fakeTerminal({ env })
  expect(await main(['alerts', 'unmatched', '-o', 'json'], json)).toBe(0)
  expect(JSON.parse(json.out)).toEqual([UNMATCHED])
})

test.each([
  ['alertmanager', '{"version": "4", "groupKey": "{}", "alerts": []}', []],
  ['grafana', '{"orgId": 1, "groupKey": "{}", "alerts": []}', []],
  ['generic', '{"labels": {}}', []],
  ['grafana', '{"labels": {}}', ['--source', 'grafana']],
])('explain takes a payload as one of %s', async (source, payload, options) => {
  const { url, asked } = await fakeApi({ 'POST /v1/alerts/explain': () => explanation('f1') })
  const terminal = fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 't' }, width: 200 })
  expect(await main(['alerts', 'explain', file('payload.json', payload), ...options], terminal)).toBe(0)
  expect(asked[0]!.body).toEqual({ source, payload: JSON.parse(payload) })
  expect(terminal.out.replaceAll('\n', ' ')).toBe(
    'f1 would open an incident with the key "stuck-run/run-7". Rule: alerts[1], incident type stuck-run. Inputs: {"run":"run-7"}. ',
  )
  expect(terminal.err).toContain('left out 2 more alerts')
})

test.each([
  ['cut.json', '{"alerts": [', 'is not JSON'],
  ['list.json', '[]', 'is not a JSON object'],
])('explain refuses the file %s', async (name, content, message) => {
  const terminal = fakeTerminal({ env: { RUNBOOK_URL: 'http://127.0.0.1:1', RUNBOOK_TOKEN: 't' } })
  expect(await main(['alerts', 'explain', file(name, content)], terminal)).toBe(2)
  expect(terminal.err).toContain(message)
})

test('explain says which file it cannot read, and reads stdin for -', async () => {
  const missing = fakeTerminal({ env: { RUNBOOK_URL: 'http://127.0.0.1:1', RUNBOOK_TOKEN: 't' } })
  expect(await main(['alerts', 'explain', '/no/such/file'], missing)).toBe(2)
  expect(missing.err).toContain('cannot read /no/such/file')
  const { url } = await fakeApi({ 'POST /v1/alerts/explain': () => explanation('f2') })
  const piped = fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 't' }, stdin: '{"labels": {}}' })
  expect(await main(['alerts', 'explain', '-'], piped)).toBe(0)
  expect(piped.out).toContain('f2 would')
})
