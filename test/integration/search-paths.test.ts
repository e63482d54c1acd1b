import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import type { Access, Targets } from '../../src/targets/targets.ts'
import {
  createEffectsWorld,
  depsFor,
  openTestGate,
  permits,
  pool,
  postgresTarget,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'

/* The read login and the write login find different tables under one name. */

let world: EffectsWorld
let elsewhere: pg.Pool

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
  const url = new URL(world.ownerUrl)
  url.searchParams.set('options', '-c search_path=archive,public')
  elsewhere = pool(url.href)
})

afterAll(async () => {
  await elsewhere?.end()
  await world?.close()
})

beforeEach(async () => {
  await world.owner.query(`
    DROP SCHEMA IF EXISTS archive CASCADE; CREATE SCHEMA archive; DROP TABLE IF EXISTS public.orders;
    CREATE TABLE public.orders (id int PRIMARY KEY, state text); INSERT INTO public.orders VALUES (1, 'open');
    CREATE TABLE archive.orders (id int PRIMARY KEY, state text); INSERT INTO archive.orders VALUES (1, 'open')`)
})

async function states(): Promise<unknown> {
  const { rows } = await world.owner.query(
    'SELECT p.state AS public, a.state AS archive FROM public.orders p, archive.orders a',
  )
  return rows[0]
}

async function carryOut(kind: string, parameters: object, write: pg.Pool) {
  const open = (access: Access) => postgresTarget(access === 'write' ? write : world.owner) as unknown as Targets
  const targets = {
    ...open('read'),
    postgres: (connection: string, access: Access) => open(access).postgres(connection, access),
  }
  const all = { connection: 'db', rows: 1, ...parameters }
  const gate = await previewAction(kind, all, { targets, signal: new AbortController().signal })
  const request = requestFor(await openTestGate(world), kind, all)
  request.action.preview = gate
  const answer = await executeEffect(request, depsFor(world, targets, permits().takePermit))
  if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
  return { gate, effect: answer.effect }
}

const update = (table: string) => ({ table, where: { id: 1, state: 'open' }, set: { state: 'closed' } })
const execute = {
  sql: "UPDATE orders SET state = 'closed' WHERE id = $1 AND state = 'open'",
  params: [1],
  preview: 'SELECT id, state FROM orders WHERE id = $1',
  tables: { orders: ['select', 'update'] },
}

test.each([
  ['sql.update', update('orders')],
  ['sql.execute', execute],
])('%s does not change another table than the one that the gate showed', async (kind, parameters) => {
  const { gate, effect } = await carryOut(kind, parameters, elsewhere)
  const reason = 'public.orders was shown, and the write login finds archive.orders'
  expect(gate.warning).toContain(
    `the action would be refused now: the two logins have different search_paths: ${reason}`,
  )
  expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining(reason) })
  expect(await states()).toEqual({ public: 'open', archive: 'open' })
})

test.each([
  ['a name with its schema is one table for both logins', 'sql.update', update('public.orders')],
  ['logins with the same search_path find the same table', 'sql.update', update('orders')],
  ['logins with the same search_path find the same table', 'sql.execute', execute],
])('%s (%s)', async (what, kind, parameters) => {
  const { gate, effect } = await carryOut(kind, parameters, what.startsWith('a name') ? elsewhere : world.owner)
  expect([gate.warning, effect.result]).toEqual([undefined, 'applied'])
  expect(await states()).toEqual({ public: 'closed', archive: 'open' })
})
