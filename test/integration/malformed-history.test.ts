import type pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { People } from '../../src/core/person.ts'
import { audit } from '../../src/engine/audit/audit.ts'
import { listIncidents } from '../../src/engine/views/list.ts'
import { openGates } from '../../src/engine/views/open-gates.ts'
import { reviewMarkdown } from '../../src/engine/views/review-markdown.ts'
import { openReview, reviewIncident } from '../../src/engine/views/review.ts'
import { switchControl } from '../../src/gate/controls.ts'
import { newSigningKey, openKeyring } from '../../src/gate/keyring.ts'
import { permitsInFlight } from '../../src/gate/permits-in-flight.ts'
import type { Database } from '../../src/history/database.ts'
import { openEngineWorld, propose, type EngineWorld } from '../support/engine-world.ts'
import { recordFullIncident, tampering } from '../support/full-incident.ts'

let world: EngineWorld
let damaged: string
let waiting: string
const people: People = Object.fromEntries(
  ['operator', 'lead'].map((name) => [name, { name, groups: ['oncall'], keys: [] }]),
)
const keyring = openKeyring({ key: newSigningKey() }, people)

beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
  damaged = await recordFullIncident(world, keyring, people)
  waiting = (await propose(world)).incident
  await switchControl(world.engine, { control: 'freeze', on: true, person: 'operator', reason: 'a test' })
})
afterAll(() => world?.close())

/** Texts that no version of the engine stores where it stores JSON. */
const TEXTS: Record<string, string> = {
  'no text': '',
  'text that is not JSON': '{not json',
  null: 'null',
  'a list': '[1,2]',
  'a number': '7',
  'an empty object': '{}',
  'other types':
    '{"kind":7,"actor":[],"data":{"round":"one","targets":7,"gate":null},"actions":{},"targets":"a","approval":[]}',
  'a list for an object': '{"kind":"proposal","data":[],"approval":[],"targets":[],"actions":[]}',
  'null in lists':
    '{"actions":[null],"targets":[null],"approval":{"auto":false,"by":[null],"count":1},"data":{"targets":[null]}}',
  'an unknown kind': '{"actor":"engine","kind":"tomorrow","data":{"a":1}}',
  'a kind that every object has': '{"actor":"engine","kind":"constructor","data":{"__proto__":{"x":1}}}',
  'an infinite number': '{"actor":"engine","kind":"note","data":{"body":"x","n":1e999},"a":-1e999}',
  'half a character': '{"actor":"engine","kind":"note","data":{"body":"\\ud800"}}',
  'a deep list': `{"actor":"engine","kind":"note","data":{"body":"x","deep":${'['.repeat(20_000)}${']'.repeat(20_000)}}}`,
  'control characters': '{"actor":"\\u001b[2J","kind":"note","data":{"body":"\\u0000\\u001b]0;x\\u0007"}}',
}

async function columns(client: pg.PoolClient): Promise<{ table: string; column: string; type: string }[]> {
  const found = await client.query<{ table: string; column: string; type: string }>(
    `SELECT table_name AS table, column_name AS column, data_type AS type FROM information_schema.columns
     WHERE table_schema = 'runbook' AND is_generated = 'NEVER' AND table_name IN ('incidents', 'events', 'evidence', 'gates', 'decisions',
       'permits', 'leases', 'intents', 'effects', 'notes', 'follow_ups', 'feedback', 'verdicts', 'plans', 'controls', 'control_events') ORDER BY 1, 2`,
  )
  return found.rows
}

const JSON_COLUMNS = ['body', 'inputs', 'observed', 'parameters', 'plan', 'proposal']

function valuesFor(column: string, type: string): [string, unknown][] {
  const plain = (...values: string[]): [string, unknown][] => values.map((value) => [value, value])
  if (JSON_COLUMNS.includes(column)) return Object.entries(TEXTS)
  if (type === 'text') return plain('', '__proto__', '\u{1b}[2J\n%s')
  if (type.startsWith('timestamp')) return plain('infinity', '-infinity', '0001-01-01 BC', '200000-01-01')
  if (type === 'bigint') return plain('9223372036854775807', '-1')
  if (type === 'integer') return plain('2147483647', '-1')
  if (type !== 'ARRAY') return []
  return [
    ['an empty list', []],
    ['NULL in a list', [null]],
  ]
}

/** Writes each of the values, and NULL where it is allowed, into each column. Makes one change at a time, and undoes it before the next one. */
async function* damages(client: pg.PoolClient): AsyncGenerator<string> {
  for (const { table, column, type } of await columns(client))
    for (const [name, value] of [...valuesFor(column, type), ['NULL', null] as [string, unknown]]) {
      await client.query('SAVEPOINT before')
      const changed = await client
        .query(
          // oxlint-disable-next-line runbook/sql-text -- names from the catalogue of the test's own database
          `UPDATE runbook.${table} SET ${column} = $1 WHERE ctid = (SELECT ctid FROM runbook.${table} ORDER BY ctid LIMIT 1)`,
          [value],
        )
        .catch(() => undefined)
      if (changed?.rowCount === 1) yield `${table}.${column}: ${name}`
      await client.query('ROLLBACK TO SAVEPOINT before')
    }
}

/** The views usually read in separate transactions. Here they read within the transaction that is rolled back. */
function within(client: pg.PoolClient): Database {
  const query = (...asked: unknown[]) =>
    /^(BEGIN|COMMIT|ROLLBACK)\b/.test(String(asked[0]))
      ? Promise.resolve({ rows: [] })
      : client.query(...(asked as [string]))
  const connection = {
    query,
    on: () => {},
    off: () => {},
    removeListener: () => {},
    listenerCount: () => 0,
    release: () => {},
  }
  return { query, connect: () => Promise.resolve(connection) } as unknown as Database
}

/** Everything in a history that people see, as text. */
async function shown(client: pg.PoolClient): Promise<string> {
  const list = await listIncidents(client, { limit: 100, plans: null })
  const review = await reviewIncident(within(client), damaged)
  const markdown = []
  for await (const part of reviewMarkdown(await openReview(within(client), damaged))) markdown.push(part)
  return JSON.stringify([list, review, markdown, await openGates(within(client), null), await permitsInFlight(client)])
}

test('the audit and all views survive every kind of damage in every column', { timeout: 240_000 }, async () => {
  const failed: string[] = []
  let count = 0
  await tampering(world, async (client) => {
    for await (const damage of damages(client)) {
      count += 1
      for (const [what, work] of Object.entries({ audit: () => audit(client, keyring), views: () => shown(client) }))
        await work().catch((error: unknown) => failed.push(`${damage}: ${what}: ${String(error)}`))
    }
  })
  expect(failed).toEqual([])
  expect(count).toBeGreaterThan(200)
})

test('an audit reports each damaged row, and checks all others as before', async () => {
  await tampering(world, async (client) => {
    await client.query(`UPDATE runbook.events SET body = '[]' WHERE incident = $1 AND seq = 2`, [damaged])
    await client.query(`UPDATE runbook.evidence SET started_at = 'infinity' WHERE incident = $1`, [damaged])
    await client.query(`UPDATE runbook.gates SET proposal = '{"approval":7}' WHERE incident = $1`, [damaged])
    await client.query(`UPDATE runbook.incidents SET inputs = '{', opened_at = '-infinity' WHERE id = $1`, [damaged])
    await client.query(`UPDATE runbook.effects SET observed = '1e999' WHERE gate = $1 AND target = 'a'`, [
      `${damaged}.r1`,
    ])
    await client.query(`UPDATE runbook.notes SET at = 'infinity' WHERE incident = $1`, [damaged])
    await client.query(`UPDATE runbook.control_events SET body = 'null'`)
    const faults = (await audit(client, keyring)).faults.map(({ incident, seq, what }) => `${incident} ${seq} ${what}`)
    for (const part of [
      `${damaged} 2 cannot be read`,
      'its proposal was changed after it was stored',
      "the incident's row differs from its events: inputs, opened_at",
      'evidence r1/recheck1/bad differs from its event: started',
      'the effect of 1-process.run on a differs from its event',
      'the note differs from its event',
      'controls 0 event 1 was changed after it was written',
    ])
      expect(faults.join('\n')).toContain(part)
    expect(faults.filter((fault) => !fault.startsWith(damaged) && !fault.startsWith('controls'))).toEqual([])
  })
})

test('a view names what it cannot read and shows the rest', async () => {
  await tampering(world, async (client) => {
    await client.query(`UPDATE runbook.incidents SET inputs = '[]' WHERE id = $1`, [damaged])
    await client.query(`UPDATE runbook.gates SET proposal = '{}' WHERE incident = ANY ($1)`, [[damaged, waiting]])
    await client.query(`UPDATE runbook.evidence SET body = '{' WHERE incident = $1`, [damaged])
    await client.query(`UPDATE runbook.events SET body = '{"kind":"note","data":{}}' WHERE incident = $1 AND seq = 3`, [
      damaged,
    ])
    const found = await reviewIncident(within(client), damaged)
    expect(found.incident).toMatchObject({
      id: damaged,
      outcome: 'cancelled',
      inputs: {},
      unreadable: ['inputs', `${damaged}.r1`],
    })
    expect(found.incident.rounds[0]!.gate).toBeNull()
    expect(found.evidence[0]!.body).toEqual({ unreadable: '{' })
    expect(found.timeline[2]!.text).toBe('this event cannot be read; its stored text is: note {}')
    expect(found.chainFaults.length).toBeGreaterThan(0)
    expect(await openGates(within(client), null)).toEqual({ gates: [], unreadable: [`${waiting}.r1`] })
  })
})
