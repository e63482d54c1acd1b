import { connectionTo, type Kind } from './kind.ts'

/** A name as in the system catalog. It is always quoted in SQL, so upper case is kept. */
export const SQL_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/

export const sqlUpdate: Kind = {
  name: 'sql.update',
  access: 'write',
  summary: 'Updates rows of one table, if they still have the values that the diagnosis has read.',
  doc: `The engine derives the statement, its guard, its preview, the required column privileges and the undo from this declaration.

\`where\` selects the rows by the values that they must still have; null means IS NULL. If a different number of rows than \`rows\` matches when the action is applied, nothing is changed and the effect is \`refused\`.
Values are sent as parameters of the column's type, never as SQL text. To guard a timestamp, use its text with microseconds: select it as \`r.updated_at::text AS updated_at\`.
The gate shows each new value as the column would store it. If another value were stored, because a trigger changes it or the type rounds it, nothing is changed and the effect is \`refused\`. Write a time with its zone. \`now\` is the time of the write.

Applied exactly once if the connection keeps its ledger in the target (\`ledger: target\`). With \`ledger: none\` it is applied at most once, then observed. The gate shows the undo. \`runbook undo\` proposes it; it never runs automatically.`,
  parameters: {
    connection: connectionTo(['postgres'], 'The name of the connection to the database.'),
    table: {
      type: { value: 'string' },
      required: true,
      doc: 'The table, with its schema if needed: `runs`, `public.runs`.',
      literal: true,
    },
    where: {
      type: { record: 'dyn' },
      required: true,
      doc: 'Column → value that a row must have to be changed: the key of the row, and the values that the diagnosis has read.',
      literal: false,
    },
    set: {
      type: { record: 'dyn' },
      required: true,
      doc: 'Column → new value. null becomes NULL.',
      literal: false,
    },
    rows: {
      type: { value: 'int' },
      required: false,
      default: 1,
      doc: 'The exact number of rows that must match.',
      literal: true,
    },
  },
  targetParameter: 'where',
  result: () => ({ object: { rows: 'int' } }),
  validate(parameters) {
    const problems: { parameter: string; message: string }[] = []
    const table = parameters['table']
    if (typeof table === 'string' && !isTableName(table))
      problems.push({
        parameter: 'table',
        message: `is "${table}", which is not a table name such as runs or public.runs`,
      })
    for (const parameter of ['where', 'set']) problems.push(...columnProblems(parameter, parameters[parameter]))
    const rows = parameters['rows']
    if (typeof rows === 'number' && (!Number.isInteger(rows) || rows < 1))
      problems.push({ parameter: 'rows', message: 'must be a whole number, at least 1' })
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
  if (columns.length === 0)
    return [{ parameter, message: 'must name at least one column; an empty value never means all rows' }]
  return columns
    .filter((column) => !SQL_NAME.test(column))
    .map((column) => ({ parameter, message: `has "${column}", which is not a column name` }))
}
