import type { Plan, Value } from './plan.ts'

/** The rights on one table that actions need. */
export interface ColumnGrant {
  /** The table, such as `runs` or `public.runs`. */
  table: string
  update: string[]
  select: string[]
  /** Rights on the whole table, as `sql.execute` declares them: SELECT, INSERT, UPDATE, DELETE. */
  whole?: string[]
}

/** The grants that the actions of these plans need on a connection, by table. */
export function neededGrants(plans: Iterable<Plan>, connection: string): ColumnGrant[] {
  const actions = [...plans].flatMap(({ remedies }) => Object.values(remedies).flatMap((remedy) => remedy.actions))
  return joined(
    actions
      .filter((action) => shapeOf(action.with['connection']) === connection)
      .flatMap(({ kind, with: given }) =>
        grantsOfAction(kind, Object.fromEntries(Object.entries(given).map(([name, value]) => [name, shapeOf(value)]))),
      ),
  )
}

/**
 * The grants that one action needs. `sql.update` needs UPDATE on the columns that it sets, and SELECT on these columns and on the columns
 * of its guard; `sql.execute` needs the rights that the runbook declares. Only the names of columns count, not their values.
 */
export function grantsOfAction(kind: string, parameters: Readonly<Record<string, unknown>>): ColumnGrant[] {
  const { table, set, where, tables } = parameters
  if (kind === 'sql.update') {
    const update = names(set)
    return [{ table: String(table), update, select: [...update, ...names(where)] }]
  }
  if (kind !== 'sql.execute') return []
  return Object.entries((tables ?? {}) as Record<string, string[]>).map(([name, rights]) => ({
    table: name,
    update: [],
    select: [],
    whole: rights.map((right) => right.toUpperCase()),
  }))
}

/** One grant for each table, without duplicates. */
function joined(grants: ColumnGrant[]): ColumnGrant[] {
  const union = (of: ColumnGrant[], part: 'update' | 'select' | 'whole') =>
    [...new Set(of.flatMap((grant) => grant[part] ?? []))].sort()
  return [...new Set(grants.map(({ table }) => table))].map((table) => {
    const of = grants.filter((grant) => grant.table === table)
    const whole = union(of, 'whole')
    return { table, update: union(of, 'update'), select: union(of, 'select'), ...(whole.length > 0 ? { whole } : {}) }
  })
}

/** Returns a literal, or a record with the names that the value will have; undefined if only an expression determines them. */
function shapeOf(value: Value | undefined): unknown {
  if (!value) return undefined
  if ('map' in value) return value.map
  return 'lit' in value ? value.lit : undefined
}

function names(record: unknown): string[] {
  return typeof record === 'object' && record !== null ? Object.keys(record) : []
}
