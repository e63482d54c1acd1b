import type { Type } from '../../core/plan.ts'
import { connectionTo, type Kind } from './kind.ts'

export const sqlQuery: Kind = {
  name: 'sql.query',
  access: 'read',
  summary: 'Runs one SELECT on a PostgreSQL database.',
  doc: `One statement in a READ ONLY transaction that is rolled back, by the connection's read role. Values come as \`params\` (\`$1\`, \`$2\` …), never as SQL text; a duration serves \`$1::interval\`, a list \`= ANY($1)\`.

Only the declared \`columns\` are kept. \`int\` must fit a safe integer, \`string\` is the text that PostgreSQL prints, so timestamps keep their microseconds; \`dyn\` is the column's natural value (JSON, lists, numbers). \`?\` behind a type allows NULL, \`list(string)\` is an array. A column that is missing or has another type fails the check.

At most 500 rows and 64 kB; \`truncated\` says that there are more. Do not write a LIMIT below 500: it hides that. Sort by a qualified column: \`ORDER BY updated_at\` after \`updated_at::text AS updated_at\` sorts the text.`,
  parameters: {
    connection: connectionTo(['postgres'], 'The database, by the name of its connection.'),
    sql: { type: { sql: 'read' }, required: true, doc: 'One SELECT.', literal: true },
    params: {
      type: { value: { list: 'dyn' } },
      required: false,
      doc: 'The values of `$1`, `$2` …, in this order. null is NULL.',
      literal: false,
    },
    columns: {
      type: { columns: true },
      required: true,
      doc: 'Column → type: string, int, double, bool, duration, dyn, list(…); `?` behind it allows NULL.',
      literal: true,
    },
  },
  result(parameters) {
    const columns = parameters['columns']
    const declared = typeof columns === 'object' && columns !== null ? Object.entries(columns) : []
    const row = Object.fromEntries(declared.map(([name, text]) => [name, columnType(text) ?? 'dyn']))
    return { object: { rows: { list: { object: row } }, truncated: 'bool' } }
  },
  timeoutMs: 5_000,
  example: `check: sql.query
with:
  connection: maestro-db
  sql: SELECT r.id, r.attempt, r.updated_at::text AS updated_at FROM runs r WHERE r.status = $1 ORDER BY r.updated_at
  params: [RUNNING]
  columns: { id: string, attempt: int, updated_at: string? }
`,
}

const SCALARS = ['string', 'int', 'double', 'bool', 'duration', 'dyn'] as const

/** A declared column's type: `int`, `string?`, `list(string)?`. Undefined when it is none. */
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
