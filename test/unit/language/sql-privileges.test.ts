import { expect, test } from 'vitest'
import { neededPrivileges } from '../../../src/language/compile/sql-privileges.ts'

const needed = (sql: string) =>
  Object.fromEntries(neededPrivileges(sql).map(({ table, privileges }) => [table, [...privileges].sort().join(' ')]))

test.each<[string, Record<string, string>]>([
  ['INSERT INTO a (x) VALUES ($1)', { a: 'insert' }],
  [
    'INSERT INTO public.a SELECT b.x FROM ops.b b JOIN c USING (id)',
    { 'public.a': 'insert', 'ops.b': 'select', c: 'select' },
  ],
  ['INSERT INTO a (x) VALUES ($1) ON CONFLICT (x) DO UPDATE SET n = 1', { a: 'insert select update' }],
  ['INSERT INTO a (x) VALUES ($1) RETURNING id', { a: 'insert select' }],
  ['UPDATE a SET x = 1 WHERE id = $1', { a: 'select update' }],
  ['UPDATE ONLY a s SET x = r.x FROM b r, c WHERE r.id = s.id', { a: 'select update', b: 'select', c: 'select' }],
  ['DELETE FROM a USING b WHERE a.id = b.id', { a: 'delete select', b: 'select' }],
  [
    'UPDATE a SET x = 1 WHERE id IN (SELECT id FROM b, c WHERE b.x = c.x FOR UPDATE)',
    { a: 'select update', b: 'select', c: 'select' },
  ],
  [
    'MERGE INTO a USING b ON a.id = b.id WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED THEN INSERT (id) VALUES (b.id)',
    { a: 'insert select update', b: 'select' },
  ],
  [
    'WITH r (id) AS (DELETE FROM a WHERE x = 1 RETURNING id) INSERT INTO b SELECT id FROM r',
    { a: 'delete select', b: 'insert' },
  ],
  [
    'WITH r AS NOT MATERIALIZED (SELECT id FROM a) UPDATE b SET x = 1 FROM r WHERE r.id = b.id',
    { a: 'select', b: 'select update' },
  ],
  ['UPDATE "Runs" SET "from" = 1 WHERE id = $1', { Runs: 'select update' }],
  ['UPDATE Runs SET x = 1 WHERE id = $1', { runs: 'select update' }],
  [
    "UPDATE a SET x = extract(epoch FROM at), y = trim(both FROM y), z = 'FROM b' WHERE x IS DISTINCT FROM c -- FROM d",
    { a: 'select update' },
  ],
  [
    'UPDATE a SET x = 1 FROM generate_series(1, 2) g, public.numbers(3) n, LATERAL (SELECT 1 FROM b) s WHERE a.id = g',
    { a: 'select update', b: 'select' },
  ],
])('%s', (sql, tables) => {
  expect(needed(sql)).toEqual(tables)
})

test('a problem is at the first name of the table', () => {
  const sql = 'UPDATE a SET x = 1 FROM public.b WHERE a.id = public.b.id'
  expect(neededPrivileges(sql).map(({ start, end }) => sql.slice(start, end))).toEqual(['a', 'public.b'])
})
