import type { ClientBase } from 'pg'
import type { ColumnGrant } from '../core/needed-grants.ts'
import { explainRedis } from '../targets/explain-redis.ts'
import type { BullmqTarget } from '../targets/targets.ts'
import type { Statement } from './action-implementation.ts'
import { EFFECT_REDIS_COMMANDS } from './redis-rights.ts'

interface Wanted {
  table: string
  column: string | null
  right: string
}

interface Found extends Wanted {
  /** The rights that the login has; null if no such table is visible to the login, or if the table has no such column. */
  held: boolean | null
  schemaUsable: boolean | null
}

/**
 * The needed rights that the login of this session lacks, as text: `UPDATE (status) on orders`. The server itself compares the rights;
 * nothing is changed.
 */
export async function missingGrants(client: Pick<ClientBase, 'query'>, grants: ColumnGrant[]): Promise<string[]> {
  const wanted = grants.flatMap(wantedOf)
  const found = await client.query<Found>(
    `SELECT w."table", w."column", w."right",
            has_schema_privilege(c.relnamespace, 'USAGE') AS "schemaUsable",
            CASE WHEN c.oid IS NULL THEN NULL
                 WHEN w."column" IS NULL THEN has_table_privilege(c.oid, w."right")
                 ELSE (SELECT has_column_privilege(c.oid, a.attnum, w."right") FROM pg_attribute a
                        WHERE a.attrelid = c.oid AND a.attname = w."column" AND NOT a.attisdropped) END AS held
       FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS w("table", "schema", name, "column", "right")
       LEFT JOIN LATERAL (
         SELECT r.oid, r.relnamespace FROM pg_class r JOIN pg_namespace n ON n.oid = r.relnamespace
          WHERE r.relname = w.name AND CASE WHEN w."schema" IS NULL THEN n.nspname = ANY (current_schemas(true)) ELSE n.nspname = w."schema" END
          ORDER BY array_position(current_schemas(true), n.nspname) LIMIT 1) c ON true`,
    [
      wanted.map(({ table }) => table),
      wanted.map(({ table }) => (table.includes('.') ? table.slice(0, table.indexOf('.')) : null)),
      wanted.map(({ table }) => table.slice(table.indexOf('.') + 1)),
      wanted.map(({ column }) => column),
      wanted.map(({ right }) => right),
    ],
  )
  return [...new Set(grants.map(({ table }) => table))].flatMap((table) =>
    missingOn(
      table,
      found.rows.filter((one) => one.table === table),
    ),
  )
}

function wantedOf({ table, update, select, whole = [] }: ColumnGrant): Wanted[] {
  return [
    ...whole.map((right) => ({ table, column: null, right })),
    ...update.map((column) => ({ table, column, right: 'UPDATE' })),
    ...select.map((column) => ({ table, column, right: 'SELECT' })),
  ]
}

function missingOn(table: string, found: Found[]): string[] {
  if (found.some(({ schemaUsable }) => schemaUsable === false)) return [`USAGE on the schema of ${table}`]
  if (found.length > 0 && found.every(({ schemaUsable }) => schemaUsable === null))
    return [`access to ${table}: the login sees no table of this name`]
  const absent = found.filter(({ held, column }) => held === null && column !== null).map(({ column }) => column!)
  const whole = found.filter(({ held, column }) => held === false && column === null).map(({ right }) => right)
  const columns = ['UPDATE', 'SELECT'].flatMap((right) => {
    const lacking = found.filter((one) => one.held === false && one.column !== null && one.right === right)
    return lacking.length === 0 ? [] : [`${right} (${lacking.map(({ column }) => column).join(', ')})`]
  })
  const rights = [...whole, ...columns]
  return [
    ...(rights.length > 0 ? [`${rights.join(', ')} on ${table}`] : []),
    ...(absent.length > 0 ? [`the columns ${[...new Set(absent)].join(', ')} of ${table}, which do not exist`] : []),
  ]
}

/** The rights that the login of this session lacks in the ledger of effects. */
export async function missingInLedger(client: Pick<ClientBase, 'query'>): Promise<string[]> {
  const effects: ColumnGrant = { table: 'runbook_ledger.effects', update: [], select: [], whole: ['SELECT', 'INSERT'] }
  const fences: ColumnGrant = {
    table: 'runbook_ledger.fences',
    update: ['fence'],
    select: [],
    whole: ['SELECT', 'INSERT'],
  }
  return missingGrants(client, [effects, fences])
}

const INSUFFICIENT_PRIVILEGE = '42501'

/**
 * Whether the server would refuse this statement to the login of this session because of a missing right. The server plans the statement
 * without running it. Returns undefined after any other error, because it says nothing about rights.
 */
export async function refusesStatement(
  client: Pick<ClientBase, 'query'>,
  { text, values }: Statement,
): Promise<string | undefined> {
  try {
    await client.query('SAVEPOINT rights; SET LOCAL row_security = on')
    // oxlint-disable-next-line runbook/sql-text -- the statement of an action, as it is applied
    await client.query(`EXPLAIN ${text}`, values)
    return undefined
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown }
    return code === INSUFFICIENT_PRIVILEGE ? String(message) : undefined
  } finally {
    await client.query('ROLLBACK TO SAVEPOINT rights')
  }
}

const LUA = `if not redis.acl_check_cmd then return false end
local missing = {}
for _, command in ipairs(ARGV) do
  if not redis.acl_check_cmd(command, KEYS[1], KEYS[1], KEYS[1]) then missing[#missing + 1] = command end
end
return missing`

/**
 * The commands that the actions use and that a queue's write login lacks. Empty if the server cannot be asked: scripts on Redis before
 * version 7 find a missing right only when they run.
 */
export async function missingCommands({ redis, base }: BullmqTarget): Promise<string[]> {
  const commands = EFFECT_REDIS_COMMANDS.filter((command) => command !== 'eval')
  try {
    const missing = await redis.eval(LUA, 1, `${base}:meta`, ...commands.map((command) => command.toUpperCase()))
    return Array.isArray(missing) ? missing.map(String) : []
  } catch (error) {
    return [`EVAL (${explainRedis(error)})`]
  }
}
