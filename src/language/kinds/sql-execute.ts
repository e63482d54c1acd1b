import { connectionTo, type Kind } from './kind.ts'
import { isTableName } from './sql-update.ts'

/** What a statement may need on a table. */
const SQL_RIGHTS = ['select', 'insert', 'update', 'delete'] as const

export const sqlExecute: Kind = {
  name: 'sql.execute',
  access: 'write',
  summary: 'Runs one INSERT, UPDATE, DELETE or MERGE of your own, where `sql.update` cannot say it.',
  doc: `The statement and its preview stand in the runbook as they are; values go as \`params\` (\`$1\`, \`$2\` …), never as SQL text. \`sql\` uses each of them, \`preview\` and \`undo\` those that they need.

The guard is yours: \`WHERE\` must name the row and what the diagnosis saw in it. If the statement touches another number of rows than \`rows\`, it is rolled back and the effect is \`refused\`. A statement without WHERE is refused when the runbook is compiled.

\`preview\` is a SELECT of the rows that would be touched, run with read credentials; another number of them than \`rows\` is a warning at the gate. A column \`new_state\` beside a column \`state\` says what that will be.

Applied exactly once where the connection keeps the ledger in the target (\`ledger: target\`); with \`ledger: none\` at most once, and a person settles what cannot be told. The undo is shown at the gate; \`runbook undo\` proposes it, and it is never run by itself.`,
  parameters: {
    connection: connectionTo(['postgres'], 'The database, by the name of its connection.'),
    sql: { type: { sql: 'write' }, required: true, doc: 'One INSERT, UPDATE, DELETE or MERGE.', literal: true },
    params: {
      type: { value: { list: 'dyn' } },
      required: false,
      doc: 'The values of `$1`, `$2` …, in this order. null is NULL.',
      literal: false,
    },
    rows: {
      type: { value: 'int' },
      required: false,
      default: 1,
      doc: 'How many rows the statement must touch, exactly.',
      literal: true,
    },
    preview: {
      type: { sql: 'read' },
      required: true,
      doc: 'A SELECT of the rows that would be touched, with the same values.',
      literal: true,
    },
    undo: {
      type: { sql: 'write' },
      required: false,
      doc: 'The statement that would take it back, with the same values. Leave it out where there is none.',
      literal: true,
    },
    tables: {
      type: { record: { list: 'string' } },
      required: true,
      doc: 'Table → the rights that the statement and its undo need on it (select, insert, update, delete): `runbook connection prepare` grants them, and a reader sees what is touched.',
      literal: true,
    },
  },
  aim: 'params',
  result: () => ({ object: { rows: 'int' } }),
  validate({ rows, tables }) {
    const problems: { parameter: string; message: string }[] = []
    if (typeof rows === 'number' && (!Number.isInteger(rows) || rows < 1))
      problems.push({ parameter: 'rows', message: 'must be a whole number of at least 1' })
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
  const wrong = (message: string) => ({ parameter: 'tables', message })
  const names = Object.entries(tables)
  if (names.length === 0) return [wrong('must name the tables that the statement touches')]
  return names.flatMap(([table, rights]) => {
    if (!isTableName(table)) return [wrong(`"${table}" is not a table's name, such as runs or public.runs`)]
    const given: unknown[] = Array.isArray(rights) ? rights : []
    const strange = given.find((right) => !SQL_RIGHTS.some((one) => one === right))
    if (given.length > 0 && strange === undefined) return []
    return [
      wrong(
        `gives ${table} ${strange === undefined ? 'no right' : `"${String(strange)}"`}: rights are ${SQL_RIGHTS.join(', ')}`,
      ),
    ]
  })
}
