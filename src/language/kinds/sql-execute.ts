import { connectionTo, type Kind } from './kind.ts'
import { isTableName } from './sql-update.ts'

/** The privileges that a statement can need on a table. */
const SQL_PRIVILEGES = ['select', 'insert', 'update', 'delete'] as const

export const sqlExecute: Kind = {
  name: 'sql.execute',
  access: 'write',
  summary: 'Runs one INSERT, UPDATE, DELETE or MERGE of your own, for writes that `sql.update` cannot express.',
  doc: `The runbook has the statement and its preview; values are passed as \`params\` (\`$1\`, \`$2\` …), never as SQL text. \`sql\` must use all of them; \`preview\` and \`undo\` use those that they need.

You write the guard: \`WHERE\` must select the row and compare the values that the diagnosis has read. If the statement changes a different number of rows than \`rows\`, it is rolled back and the effect is \`refused\`. Only the rows of the main statement count: rows that an INSERT, UPDATE or DELETE inside WITH changes are not counted, and the gate warns about them. The compiler refuses an UPDATE or DELETE without WHERE.

\`preview\` is a SELECT of the rows that would be changed. It runs with read credentials. If it returns a different number of rows than \`rows\`, the gate shows a warning. A column \`new_state\` is shown as the new value of the column \`state\`.

Applied exactly once if the connection keeps its ledger in the target (\`ledger: target\`). With \`ledger: none\` it is applied at most once, and a person settles an unknown effect. The gate shows the undo. \`runbook undo\` proposes it; it never runs automatically.`,
  parameters: {
    connection: connectionTo(['postgres'], 'The name of the connection to the database.'),
    sql: { type: { sql: 'write' }, required: true, doc: 'One INSERT, UPDATE, DELETE or MERGE.', literal: true },
    params: {
      type: { value: { list: 'dyn' } },
      required: false,
      doc: 'The values of `$1`, `$2` …, in this order. null becomes NULL.',
      literal: false,
    },
    rows: {
      type: { value: 'int' },
      required: false,
      default: 1,
      doc: 'The exact number of rows that the statement must change.',
      literal: true,
    },
    preview: {
      type: { sql: 'read' },
      required: true,
      doc: 'A SELECT of the rows that would be changed, with the same values.',
      literal: true,
    },
    undo: {
      type: { sql: 'write' },
      required: false,
      doc: 'The statement that reverts the change, with the same values. Omit it if the change cannot be reverted.',
      literal: true,
    },
    tables: {
      type: { record: { list: 'string' } },
      required: true,
      doc: 'Table → the privileges that the statement and its undo need on it (select, insert, update, delete). `runbook connection prepare` grants them.',
      literal: true,
    },
  },
  targetParameter: 'params',
  result: () => ({ object: { rows: 'int' } }),
  validate({ rows, tables }) {
    const problems: { parameter: string; message: string }[] = []
    if (typeof rows === 'number' && (!Number.isInteger(rows) || rows < 1))
      problems.push({ parameter: 'rows', message: 'must be a whole number, at least 1' })
    if (typeof tables === 'object' && tables !== null)
      problems.push(...tableProblems(tables as Record<string, unknown>))
    return problems
  },
  timeoutMs: 10_000,
  example: `action: sql.execute
with:
  connection: maestro-db
  sql: |
    INSERT INTO outbox (run_id, kind)
    SELECT r.id, 'retry' FROM runs r WHERE r.id = $1 AND r.status = 'FAILED' AND r.updated_at = $2
  params: ["\${{ run.id }}", "\${{ run.updated_at }}"]
  preview: SELECT r.id, r.status FROM runs r WHERE r.id = $1 AND r.status = 'FAILED' AND r.updated_at = $2
  undo: DELETE FROM outbox WHERE run_id = $1 AND kind = 'retry' AND taken_at IS NULL
  tables: { outbox: [select, insert, delete], runs: [select] }
`,
}

function tableProblems(tables: Record<string, unknown>): { parameter: string; message: string }[] {
  const problem = (message: string) => ({ parameter: 'tables', message })
  const entries = Object.entries(tables)
  if (entries.length === 0) return [problem('must name the tables that the statement uses')]
  return entries.flatMap(([table, value]) => {
    if (!isTableName(table)) return [problem(`has "${table}", which is not a table name such as runs or public.runs`)]
    const privileges: unknown[] = Array.isArray(value) ? value : []
    const unknown = privileges.find((one) => !SQL_PRIVILEGES.some((known) => known === one))
    if (privileges.length > 0 && unknown === undefined) return []
    const has = unknown === undefined ? 'no privilege' : `"${String(unknown)}"`
    return [problem(`has ${has} for ${table}: the privileges are ${SQL_PRIVILEGES.join(', ')}`)]
  })
}
