import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkTable } from '../../../../activities/checks/check-table.ts'
import { bullmqJobs } from '../../../../src/language/kinds/bullmq-jobs.ts'
import { columnType, sqlQuery } from '../../../../src/language/kinds/sql-query.ts'
import { CHECKS } from '../../../../src/language/kinds/table.ts'

const root = join(import.meta.dirname, '../../../..')

test('every described check has an implementation, and no others', () => {
  expect(CHECKS.map((kind) => kind.name).toSorted()).toEqual(Object.keys(checkTable).toSorted())
  for (const kind of CHECKS) expect(kind.access).toBe('read')
})

test.each(CHECKS)('$kind reads exactly the parameters that it describes', (kind) => {
  const file = `${kind.name.replace('.', '-')}.ts`
  expect(readdirSync(join(root, 'activities/checks'))).toContain(file)
  const code = readFileSync(join(root, 'activities/checks', file), 'utf8')
  const read = [...code.matchAll(/parameters, '(\w+)'/g)].map((match) => match[1]!)
  expect([...new Set(read)].toSorted()).toEqual(Object.keys(kind.parameters).toSorted())
})

test('a declared column’s type is parsed or refused', () => {
  expect(columnType('int')).toBe('int')
  expect(columnType('string?')).toEqual({ nullable: 'string' })
  expect(columnType('list(string?)?')).toEqual({ nullable: { list: { nullable: 'string' } } })
  expect(columnType('dyn?')).toBe('dyn')
  for (const text of ['', '?', 'int??', 'text', 'list', 'list()', 'list(list(int))', 'toString', 5, null])
    expect(columnType(text)).toBeUndefined()
})

test('the declared columns are the type of the rows', () => {
  const result = sqlQuery.result({ columns: { id: 'string', job: 'string?', bad: 'wat' } })
  const row = { id: 'string', job: { nullable: 'string' }, bad: 'dyn' }
  expect(result).toEqual({ object: { rows: { list: { object: row } }, truncated: 'bool' } })
})

test('jobs are requested by ids or by states, not by both or neither', () => {
  expect(bullmqJobs.validate!({})).toHaveLength(1)
  expect(bullmqJobs.validate!({ ids: [], states: [] })).toHaveLength(1)
  expect(bullmqJobs.validate!({ states: ['wait'] })).toEqual([
    { parameter: 'states', message: expect.stringContaining('"wait", which is not one of waiting') },
  ])
  expect(bullmqJobs.validate!({ states: ['waiting'], limit: 501 })).toHaveLength(1)
  expect(bullmqJobs.validate!({ ids: ['a'] })).toEqual([])
})
