import type { Type } from '../../core/plan.ts'
import { connectionTo, type Kind } from './kind.ts'

export const sqlQuery: Kind = {
  name: 'sql.query',
  access: 'read',
  summary: 'Runs one SELECT on a PostgreSQL database.',
  doc: `One statement in a READ ONLY transaction, with the read role of the connection; the transaction is rolled back. Values are passed as \`params\` (\`$1\`, \`$2\` …), never as SQL text. Use a duration with \`$1::interval\`, and a list with \`= ANY($1)\`.

The result has only the declared \`columns\`. \`int\` must be a safe integer. \`string\` is the text that PostgreSQL prints, so timestamps keep their microseconds. \`dyn\` is the JSON value of the column (JSON, lists, numbers). \`?\` after a type allows NULL; \`list(string)\` is an array. The check fails if a column is missing or has another type.

The check fails if the statement uses the server's clock (such as \`now()\`) and this clock differs by more than 30 s from that of the worker, because ages are then wrong for times that another computer wrote.

At most 500 rows and 64 kB; \`truncated\` is true if there are more. Do not write a LIMIT up to 500, because it hides that there are more rows. Sort by a qualified column: after \`updated_at::text AS updated_at\`, \`ORDER BY updated_at\` sorts by the text.`,
  parameters: {
    connection: connectionTo(['postgres'], 'The name of the connection to the database.'),
    sql: { type: { sql: 'read' }, required: true, doc: 'One SELECT.', literal: true },
    params: {
      type: { value: { list: 'dyn' } },
      required: false,
      doc: 'The values of `$1`, `$2` …, in this order. null becomes NULL.',
      literal: false,
    },
    columns: {
      type: { columns: true },
      required: true,
      doc: 'Column → type: string, int, double, bool, duration, dyn, list(…); `?` after it allows NULL.',
      literal: true,
    },
  },
  result(parameters) {
    const columns = parameters['columns']
    const declared = typeof columns === 'object' && columns !== null ? Object.entries(columns) : []
    const row = Object.fromEntries(declared.map(([name, text]) => [name, columnType(text) ?? 'dyn']))
    return { object: { rows: { list: { object: row } }, truncated: 'bool' } }
  },
  healthy: { result: () => ({ rows: [] }) },
  timeoutMs: 5_000,
  example: `check: sql.query
with:
  connection: maestro-db
  sql: SELECT r.id, r.attempt, r.updated_at::text AS updated_at FROM runs r WHERE r.status = $1 ORDER BY r.updated_at
  params: [RUNNING]
  columns: { id: string, attempt: int, updated_at: string? }
`,
}

export const SCALARS = ['string', 'int', 'double', 'bool', 'duration', 'dyn'] as const

/** The type of a declared column: `int`, `string?`, `list(string)?`. Undefined if the text is not a type. */
export function columnType(text: unknown): Type | undefined {
  if (typeof text !== 'string') return undefined
  if (text.endsWith('?')) {
    const type = columnType(text.slice(0, -1))
    return type === undefined || text.endsWith('??') ? undefined : type === 'dyn' ? type : { nullable: type }
  }
  const element = /^list\((.+)\)$/.exec(text)?.[1]
  if (element === undefined) return SCALARS.find((scalar) => scalar === text)
  const type = columnType(element)
  return type === undefined || element.startsWith('list') ? undefined : { list: type }
}
