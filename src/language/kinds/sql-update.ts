import { connectionTo, type Kind } from './kind.ts'

/** A name as it stands in the catalogue; it is always quoted, so upper case is kept. */
export const SQL_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/

export const sqlUpdate: Kind = {
  name: 'sql.update',
  access: 'write',
  summary: 'Changes rows of one table, guarded by their present values.',
  doc: `One declaration gives the write, its guard, its preview, the column rights it needs, and its undo.

\`where\` names the rows and the values that they must still have; null means IS NULL. If another number of rows than \`rows\` fits when it is applied, nothing is changed and the effect is \`refused\`.
Values are sent as parameters of the column's own type, never as SQL text. A guard on a timestamp carries its text with microseconds: select it as \`r.updated_at::text AS updated_at\`.

Applied exactly once where the connection keeps the ledger in the target (\`ledger: target\`); with \`ledger: none\` at most once, then observed. The undo is shown at the gate; \`runbook undo\` proposes it, and it is never run by itself.`,
  parameters: {
    connection: connectionTo(['postgres'], 'The database, by the name of its connection.'),
    table: {
      type: { value: 'string' },
      required: true,
      doc: 'The table, with its schema where needed: `runs`, `public.runs`.',
      literal: true,
    },
    where: {
      type: { record: 'dyn' },
      required: true,
      doc: 'Column → value that a row must have to be changed. Must name the row and what the diagnosis saw in it.',
      literal: false,
    },
    set: {
      type: { record: 'dyn' },
      required: true,
      doc: 'Column → new value. null sets NULL.',
      literal: false,
    },
    rows: {
      type: { value: 'int' },
      required: false,
      default: 1,
      doc: 'How many rows must fit, exactly.',
      literal: true,
    },
  },
  aim: 'where',
  result: () => ({ object: { rows: 'int' } }),
  validate(parameters) {
    const problems: { parameter: string; message: string }[] = []
    const table = parameters['table']
    if (typeof table === 'string' && !isTableName(table))
      problems.push({ parameter: 'table', message: `"${table}" is not a table's name, such as runs or public.runs` })
    for (const parameter of ['where', 'set']) problems.push(...columnProblems(parameter, parameters[parameter]))
    const rows = parameters['rows']
    if (typeof rows === 'number' && (!Number.isInteger(rows) || rows < 1))
      problems.push({ parameter: 'rows', message: 'must be a whole number of at least 1' })
    return problems
  },
  timeoutMs: 10_000,
  example: `action: sql.update
with:
  connection: maestro-db
  table: runs
  where: { id: "\${{ run.id }}", status: RUNNING, updated_at: "\${{ run.updated_at }}" }
  set: { status: FAILED, failure_reason: Stalled }
`,
}

export function isTableName(table: string): boolean {
  const parts = table.split('.')
  return parts.length <= 2 && parts.every((part) => SQL_NAME.test(part))
}

function columnProblems(parameter: string, record: unknown): { parameter: string; message: string }[] {
  if (typeof record !== 'object' || record === null || Array.isArray(record)) return []
  const columns = Object.keys(record)
  if (columns.length === 0) return [{ parameter, message: 'must name at least one column: empty never means all rows' }]
  return columns
    .filter((column) => !SQL_NAME.test(column))
    .map((column) => ({ parameter, message: `"${column}" is not a column's name` }))
}
