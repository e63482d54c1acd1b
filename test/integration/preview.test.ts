import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { main } from '../../src/cli/main.ts'
import { mermaid } from '../../src/cli/render/mermaid.ts'
import { Secret } from '../../src/config/secret.ts'
import type { Plan } from '../../src/core/plan.ts'
import { NO_POLICY } from '../../src/core/policy.ts'
import { previewRunbook } from '../../src/engine/preview.ts'
import { compileRunbook } from '../../src/language/compile.ts'
import { renderText } from '../../src/language/problems.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'

const name = `preview_${randomBytes(4).toString('hex')}`
const secret = (value: string) => new Secret('${X}', 'test', value, [])
let admin: pg.Client
let owner: pg.Client
let targets: Targets
let shop: string

const RUNBOOK = `version: 1
runbook: late-orders
incident: late-order
title: Orders wait
inputs:
  age: { type: duration, default: 1h }
key: late-order
symptom: size(late.rows) > 0
diagnose:
  late:
    check: sql.query
    with:
      connection: shop
      sql: SELECT id, state, version FROM orders WHERE state = 'waiting' AND since < now() - $1::interval ORDER BY id
      params: ["\${{ inputs.age }}"]
      columns: { id: string, state: string?, version: int }
  other:
    check: http.get
    with: { connection: nowhere }
causes:
  - cause: nobody-picks-them-up
    title: Nobody picks the orders up
    affects: late.rows.filter(o, o.version > 1)
    because: \${{ size(affects) }} orders wait
    remedy: release
  - cause: other-is-down
    title: The other system is down
    when: "!other.reachable"
    because: it does not answer
    remedy: escalate
remedies:
  release:
    title: Release the orders
    for: order
    key: \${{ order.id }}
    do:
      - action: sql.update
        with:
          connection: shop
          table: orders
          where: { id: "\${{ order.id }}", version: "\${{ order.version }}" }
          set: { state: released }
    limits: { maxTargets: 2 }
    approval: { by: [oncall], within: 15m }
    verify:
      checks:
        after:
          check: sql.query
          with: { connection: shop, sql: "SELECT id FROM orders WHERE id = ANY($1)", params: ["\${{ targets.map(t, t.id) }}"], columns: { id: string } }
      until: size(after.rows) == 0
      within: 1m
escalate: { to: [oncall], message: "\${{ size(late.rows) }} orders wait" }
`

function planOf(text: string): Plan {
  const { plan, problems } = compileRunbook(text, { file: 'late-orders.yaml' })
  if (!plan) throw new Error(renderText(problems))
  return plan
}

const RULES = { auto: [], policy: NO_POLICY, requesterMayApprove: true }
const preview = (text = RUNBOOK, inputs = { age: '1h' }) => previewRunbook(planOf(text), inputs, targets, RULES)

beforeAll(async () => {
  const { postgresUrl } = inject('stack')
  admin = new pg.Client(postgresUrl)
  await admin.connect()
  await admin.query(`CREATE DATABASE ${name}`)
  const url = new URL(postgresUrl)
  url.pathname = `/${name}`
  shop = url.toString()
  owner = new pg.Client(shop)
  await owner.connect()
  await owner.query(`
    CREATE TABLE orders(id text PRIMARY KEY, state text, version int NOT NULL, since timestamptz, paid numeric NOT NULL DEFAULT 0);
    INSERT INTO orders SELECT 'o' || i, 'waiting', i, now() - interval '2 hours' FROM generate_series(1, 4) i;`)
  targets = openTargets({
    connections: {
      shop: { kind: 'postgres', read: secret(url.toString()), ledger: 'none', redact: [] },
      nowhere: { kind: 'http', url: secret('http://127.0.0.1:1'), headers: {}, redact: [] },
    },
  })
})

afterAll(async () => {
  await targets.close()
  await owner.end()
  await admin.query(`DROP DATABASE ${name} WITH (FORCE)`)
  await admin.end()
})

test('a preview shows the checks, which causes hold, and the proposal with its rows before and after', async () => {
  const found = await preview()
  expect(found).toMatchObject({ symptom: true, cause: 'nobody-picks-them-up', end: null, columns: [] })
  expect(found.checks.map(({ name: check, status }) => [check, status])).toEqual([
    ['late', 'ok'],
    ['other', 'ok'],
  ])
  expect(found.causes).toMatchObject([
    { cause: 'nobody-picks-them-up', holds: true, because: '3 orders wait' },
    { cause: 'other-is-down', holds: true },
  ])
  expect(found.proposal).toMatchObject({
    remedy: 'release',
    affected: 3,
    targets: [{ key: 'o2' }, { key: 'o3' }],
  })
  expect(found.proposal!.actions[0]!.preview).toMatchObject({
    count: 1,
    rows: [{ before: { state: 'waiting' }, after: { state: 'released' } }],
  })
  const rows = await owner.query<{ state: string }>('SELECT DISTINCT state FROM orders')
  expect(rows.rows).toEqual([{ state: 'waiting' }])
})

test('without a proposal it shows how the incident would end, and still evaluates the causes', async () => {
  const found = await preview(RUNBOOK, { age: '3h' })
  expect(found).toMatchObject({ symptom: false, proposal: null, end: { outcome: 'cleared' } })
  expect(found.causes).toMatchObject([{ holds: false }, { holds: true }])
})

test('a failed check is shown, and its causes are undetermined', async () => {
  const found = await preview(RUNBOOK.replace('FROM orders WHERE state', 'FROM order_s WHERE state'))
  expect(found).toMatchObject({ symptom: 'undetermined', proposal: null, end: { outcome: 'escalated' } })
  expect(found.checks[0]).toMatchObject({ status: 'failed', error: expect.stringContaining('order_s') })
  expect(found.causes[0]).toMatchObject({ holds: 'undetermined' })
  expect(found.columns).toMatchObject([{ check: 'late', column: '*' }])
})

test.each([
  ['state: string?', 'state: string', 'late', 'state', 'may be NULL'],
  ['version: int }', 'version: bool }', 'late', 'version', 'declared as bool, but it is integer'],
  ['version: int }', 'version: int, total: int }', 'late', 'total', 'returns only id, state, version'],
  ['columns: { id: string } }', 'columns: { ident: string } }', 'release/after', 'ident', 'returns only id'],
])('a declared column that differs from the server is reported: %s → %s', async (from, to, check, column, message) => {
  expect(RUNBOOK).toContain(from)
  const text = RUNBOOK.replace(from, to).replace('o.version > 1', 'o.id != ""').replace('"${{ order.version }}"', '1')
  const { columns } = await preview(text)
  expect(columns).toContainEqual({ check, column, message: expect.stringContaining(message) })
})

test('the names of let are shown with their values, or why they are undetermined', async () => {
  const text = RUNBOOK.replace(
    'causes:\n',
    `let:\n  released: late.rows.filter(o, o.version > 1)\n  few: size(released) < 4 && other.status == null\ncauses:\n`,
  )
    .replace('affects: late.rows.filter(o, o.version > 1)', 'affects: released')
    .replace('when: "!other.reachable"', 'when: few')
  const show = async (runbook: string) => {
    const { plan, names } = compileRunbook(runbook, { file: 'late-orders.yaml' })
    return (await previewRunbook(plan!, { age: '1h' }, targets, RULES, names)).names
  }
  expect(await show(text)).toMatchObject([
    { name: 'released', value: [{ id: 'o2' }, { id: 'o3' }, { id: 'o4' }] },
    { name: 'few', value: true },
  ])
  expect(await show(text.replace('FROM orders WHERE state', 'FROM order_s WHERE state'))).toEqual([
    { name: 'released', undetermined: '"late" could not be read' },
    { name: 'few', undetermined: '"late" could not be read' },
  ])
})

test('the graph connects checks, causes and remedies, and escapes its labels', async () => {
  const text = RUNBOOK.replace('title: Nobody picks the orders up', `title: 'Nobody "picks" <b>them</b>; up'`)
  const graph = mermaid(planOf(text), await preview(text))
  expect(graph).toContain('check_late --> cause_nobody_picks_them_up')
  expect(graph).toContain('cause_nobody_picks_them_up --> remedy_release')
  expect(graph).toContain('Nobody #34;picks#34; #60;b#62;them')
  expect(graph).toMatch(/remedy_release\[.*:::treated/)
})

describe('the command', () => {
  const CONFIG = `database: \${RUNBOOK_DATABASE_URL}
runbooks: [runbooks]
connections:
  shop: { kind: postgres, read: "\${SHOP_READ}", ledger: none }
  nowhere: { kind: http, url: "http://127.0.0.1:1" }
people: { operator: { token: "\${TOKEN}", groups: [oncall] } }
signing: { key: "\${KEY}" }
channels: { oncall: { slack: "\${SLACK}" } }
`
  async function previewed(runbook: string, ...more: string[]) {
    const cwd = mkdtempSync(join(tmpdir(), 'preview-'))
    mkdirSync(join(cwd, 'runbooks'))
    writeFileSync(join(cwd, 'runbook.config.yaml'), CONFIG)
    writeFileSync(join(cwd, 'runbooks/late-orders.yaml'), runbook)
    const terminal = fakeTerminal({ cwd, env: { SHOP_READ: shop } })
    return { code: await main(['preview', 'late-order', '--input', 'age=1h', ...more], terminal), terminal }
  }

  test('shows the names of let between the checks and the causes', async () => {
    const { terminal } = await previewed(
      RUNBOOK.replace('causes:\n', 'let:\n  unreleased: late.rows.filter(o, o.version > 1)\ncauses:\n').replace(
        'affects: late.rows.filter(o, o.version > 1)',
        'affects: unreleased',
      ),
    )
    expect(terminal.out).toMatch(/\nNames\n {4}unreleased: 3 items, first \{"id":"o2"[^]*\n\nCauses\n/)
  })

  test('shows checks, causes, and the proposal with its undo, without control characters from the results', async () => {
    const evil = RUNBOOK.replace(
      'SELECT id, state, version',
      `SELECT id, state || chr(27) || '[2J' || chr(8238) AS state, version`,
    )
    const { code, terminal } = await previewed(evil)
    expect([code, terminal.err]).toEqual([0, ''])
    for (const text of [
      'late-orders  the symptom is present',
      'late (sql.query, 4 rows',
      'nobody-picks-them-up (holds; a remedy would be proposed for it)',
      'other-is-down (holds)',
      'Proposal: Release the orders',
      '2 of 3 targets; needs 1 approval from oncall',
      "UPDATE orders SET state = 'released' WHERE id = 'o2' AND version = 2",
      'state waiting → released',
      "undo: UPDATE orders SET state = 'waiting'",
      'Nothing was changed, nothing was stored, nobody was notified.',
    ])
      expect(terminal.out).toContain(text)
    expect(terminal.out).not.toMatch(/[\u001b\u202e]/)
  })

  test('prints JSON and a graph, and exits with 1 if a declared column differs', async () => {
    const json = await previewed(RUNBOOK, '-o', 'json')
    expect(JSON.parse(json.terminal.out)).toMatchObject({ cause: 'nobody-picks-them-up', proposal: { affected: 3 } })
    const graph = await previewed(RUNBOOK, '-o', 'mermaid')
    expect([graph.code, graph.terminal.out.split('\n')[0]]).toEqual([0, 'flowchart LR'])
    const wrong = await previewed(RUNBOOK.replace('state: string?', 'state: string'))
    expect([wrong.code, wrong.terminal.out]).toEqual([1, expect.stringContaining('late.state: declared as string')])
  })
})
