import { expect, test } from 'vitest'
import { parametersOf, readProblems, writeProblems } from '../../../src/language/compile/sql.ts'

const rules = (sql: string) => readProblems(sql).map((problem) => problem.rule)

test.each([
  'SELECT 1',
  'select update_count, deleted FROM inserts',
  'SELECT \'INSERT; DELETE\' AS x, "update" FROM t -- DROP TABLE x',
  'SELECT 1 /* ; DELETE /* nested */ FROM t */',
  'SELECT $tag$ ; DELETE $tag$',
  "SELECT E'it\\'s; DELETE'",
  'WITH a AS (SELECT 1) SELECT * FROM a;',
  '(SELECT 1) UNION (SELECT 2)',
  'SELECT * FROM a, LATERAL (SELECT * FROM b LIMIT 1) c',
  'SELECT * FROM t LIMIT 501',
  'TABLE runs',
  'EXPLAIN SELECT 1',
])('%s only reads', (sql) => {
  expect(rules(sql)).toEqual([])
})

test.each([
  ['UPDATE runs SET x = 1', 'sql-write'],
  ['WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a', 'sql-write'],
  ['WITH a AS MATERIALIZED (INSERT INTO t VALUES (1) RETURNING *) TABLE a', 'sql-write'],
  ['SELECT * INTO copy FROM t', 'sql-write'],
  ['SELECT * FROM t FOR UPDATE', 'sql-write'],
  ['SELECT * FROM t FOR NO KEY UPDATE', 'sql-write'],
  ['SELECT * FROM t FOR SHARE', 'sql-write'],
  ['EXPLAIN ANALYZE SELECT 1', 'sql-write'],
  ['BEGIN', 'sql-write'],
  ['SET ROLE x', 'sql-write'],
  ['SELECT 1; COMMIT; DELETE FROM t', 'sql-statements'],
  ['-- nothing', 'sql-statements'],
  ['SELECT * FROM t LIMIT 10', 'sql-hidden-limit'],
  ['SELECT * FROM t FETCH FIRST 5 ROWS ONLY', 'sql-hidden-limit'],
])('%s is refused as %s', (sql, rule) => {
  expect(rules(sql)).toEqual([rule])
})

test.each([
  'UPDATE runs SET x = 1 WHERE id = $1',
  'DELETE FROM runs USING steps WHERE runs.id = steps.run_id;',
  'INSERT INTO t VALUES (1) ON CONFLICT (id) DO UPDATE SET x = 2',
  'WITH a AS (SELECT id FROM t FOR UPDATE) UPDATE t SET x = 1 FROM a WHERE t.id = a.id',
  'WITH a AS (DELETE FROM t WHERE id = $1 RETURNING *) INSERT INTO old SELECT * FROM a',
  'MERGE INTO t USING s ON t.id = s.id WHEN MATCHED THEN UPDATE SET x = 1 WHEN NOT MATCHED BY SOURCE THEN DELETE',
])('%s may change something', (sql) => {
  expect(writeProblems(sql)).toEqual([])
})

test.each([
  ['SELECT 1', 'sql-not-a-write'],
  ['WITH a AS (DELETE FROM t WHERE id = 1 RETURNING *) SELECT * FROM a', 'sql-not-a-write'],
  ['TRUNCATE runs', 'sql-not-a-write'],
  ['COMMIT', 'sql-not-a-write'],
  ['CALL p()', 'sql-not-a-write'],
  ['UPDATE runs SET x = 1', 'sql-unguarded'],
  ['DELETE FROM runs -- WHERE id = 1', 'sql-unguarded'],
  ["UPDATE runs SET x = (SELECT 1 FROM t WHERE id = 'where')", 'sql-unguarded'],
  ['WITH a AS (DELETE FROM t RETURNING *) INSERT INTO old SELECT * FROM a WHERE id = 1', 'sql-unguarded'],
  ['DELETE FROM t WHERE id = 1; DELETE FROM t WHERE id = 2', 'sql-statements'],
  ['/* nothing */', 'sql-statements'],
])('%s is refused as %s', (sql, rule) => {
  expect(writeProblems(sql).map((problem) => problem.rule)).toEqual([rule])
})

test('the number of values is the largest parameter number, and unused numbers are found', () => {
  expect(parametersOf("SELECT $1, '$9', $2::int, $1")).toEqual({ count: 2, missing: [] })
  expect(parametersOf('SELECT $1, $3')).toEqual({ count: 3, missing: [2] })
  expect(parametersOf('SELECT 1')).toEqual({ count: 0, missing: [] })
})
