import fc from 'fast-check'
import { expect, test } from 'vitest'
import { sqlExecuteAction } from '../../../activities/actions/sql-execute.ts'
import { sqlUpdateAction } from '../../../activities/actions/sql-update.ts'
import type { Action } from '../../../activities/actions/action.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import type { GuardedWrite } from '../../../src/effects/action-implementation.ts'

function writeOf({ implementation }: Action, parameters: JsonObject): GuardedWrite {
  if (implementation.protocol !== 'sql') throw new Error('no SQL')
  return implementation.write(parameters)
}

const hostile = fc.constantFrom(
  "' OR 1=1 --",
  "'; DROP TABLE runs; --",
  '"; DROP TABLE runs; --',
  '$1',
  '$$; DROP TABLE runs; $$',
  '\\',
  '${id}',
  'NULL',
)
const value = fc.oneof(fc.string({ unit: 'binary' }), hostile, fc.double(), fc.boolean())

test('the SQL text of sql.update never depends on its values, which are all parameters', () => {
  const updateOf = (id: unknown, was: unknown, becomes: unknown) =>
    writeOf(sqlUpdateAction, {
      connection: 'db',
      table: 'public.runs',
      where: { id, status: was },
      set: { status: becomes },
    } as JsonObject)
  const { update, observe } = updateOf('id', 'was', 'becomes')
  expect(update.text).toBe('UPDATE "public"."runs" SET "status" = $1 WHERE "id" = $2 AND "status" = $3')
  fc.assert(
    fc.property(value, value, value, (id, was, becomes) => {
      const write = updateOf(id, was, becomes)
      expect([write.update.text, write.observe?.text]).toEqual([update.text, observe?.text])
      expect(write.update.values).toEqual([becomes, id, was])
    }),
  )
})

test('the SQL text of sql.execute is exactly the text in the runbook and never depends on its values', () => {
  const sql = "UPDATE runs SET status = 'FAILED' WHERE id = $1 AND attempt = $2"
  fc.assert(
    fc.property(value, value, (id, attempt) => {
      const params = [id, attempt]
      const write = writeOf(sqlExecuteAction, {
        connection: 'db',
        sql,
        params,
        tables: { runs: ['update'] },
      } as JsonObject)
      expect(write.update.text).toBe(sql)
      expect(write.update.values).toEqual(params)
    }),
  )
})
