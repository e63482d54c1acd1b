import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import type { Targets } from '../../src/targets/targets.ts'
import { carryOut, createEffectsWorld, type EffectsWorld } from '../support/effects-world.ts'

let world: EffectsWorld

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
})

afterAll(() => world?.close())

beforeEach(async () => {
  await world.owner.query(
    'DROP TABLE IF EXISTS notes; CREATE TABLE notes (id int PRIMARY KEY, body text, counts jsonb)',
  )
})

const update = { connection: 'db', table: 'notes', rows: 1, where: { id: 1 } }
const execute = {
  connection: 'db',
  sql: "UPDATE notes SET body = 'new' WHERE id = $1",
  preview: 'SELECT id, body FROM notes WHERE id = $1',
  params: [1],
  rows: 1,
  tables: { notes: ['select', 'update'] },
}

test.each<[string, string, string, JsonObject, string]>([
  ['a text of 5 MB', `repeat('x', 5000000), NULL`, 'sql.update', { ...update, set: { body: 'new' } }, '4 MB'],
  ['a text of 5 MB', `repeat('x', 5000000), NULL`, 'sql.execute', execute, '4 MB'],
  [
    'a list of 100,000 numbers',
    `'old', (SELECT jsonb_agg(i) FROM generate_series(1, 100000) i)`,
    'sql.update',
    { ...update, set: { counts: [] } },
    '64 kB',
  ],
])('%s cannot be shown (%s, %s), so its change is not applied', async (_, values, kind, parameters, size) => {
  await world.owner.query(`INSERT INTO notes VALUES (1, ${values})`)
  const before = (await world.owner.query('SELECT md5(notes::text) AS md5 FROM notes')).rows
  const { shown, effect, permitRequests } = await carryOut(world, kind, parameters)
  expect(shown.rows).toBeUndefined()
  expect(shown.unread).toContain(`more than ${size} and cannot be shown`)
  expect(shown.warning).toContain('The action is refused even if it is approved')
  expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining(shown.unread!) })
  expect(permitRequests).toBe(0)
  expect((await world.owner.query('SELECT md5(notes::text) AS md5 FROM notes')).rows).toEqual(before)
})

test('a row that can be shown in part is changed, and the gate says that there is no undo', async () => {
  await world.owner.query(`INSERT INTO notes VALUES (1, repeat('x', 1000000), NULL)`)
  const { shown, effect } = await carryOut(world, 'sql.update', { ...update, set: { body: 'new' } })
  expect(shown.unread).toBeUndefined()
  expect(String(shown.rows![0]!.before['body'])).toMatch(/^x{2000}…$/)
  expect(shown.undo).toBe('none: the exact value of body is not stored')
  expect(effect.result).toBe('applied')
})

test('a request that is too large to be shown in full is not sent', async () => {
  let received = 0
  const server = createServer((_, response) => {
    received++
    response.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const baseUrl = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const targets = {
    http: async () => ({
      connection: 'api',
      baseUrl,
      addresses: [{ address: '127.0.0.1', family: 4 }],
      headers: {},
      redact: [],
    }),
  } as unknown as Targets
  const post = (body: JsonObject) =>
    carryOut(world, 'http.request', { connection: 'api', method: 'POST', path: '/x', body }, targets)
  const large = await post({ text: 'x'.repeat(70_000) })
  expect(large.shown.unread).toContain('the request has more than 64 kB and cannot be shown in full')
  expect(large.effect.result).toBe('refused')
  expect(received).toBe(0)
  expect((await post({ text: 'x' })).effect.result).toBe('applied')
  expect(received).toBe(1)
  server.close()
})
