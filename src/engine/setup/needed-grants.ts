import type { Plan, PlanAction, Value } from '../../core/plan.ts'
import type { ColumnGrant } from './prepared-connection.ts'

interface Needed {
  update: Set<string>
  select: Set<string>
  whole: Set<string>
}

/**
 * The grants that the actions of these plans need on a connection. `sql.update` needs UPDATE on the columns that it sets, and SELECT on
 * those and on the columns of its guard; `sql.execute` needs the rights that the runbook declares.
 */
export function neededGrants(plans: Iterable<Plan>, connection: string): ColumnGrant[] {
  const byTable = new Map<string, Needed>()
  const on = (table: string): Needed => {
    const needed = byTable.get(table) ?? { update: new Set(), select: new Set(), whole: new Set() }
    byTable.set(table, needed)
    return needed
  }
  for (const plan of plans)
    for (const { actions } of Object.values(plan.remedies))
      for (const { kind: action, with: given } of actions) {
        if (literal(given.connection) !== connection) continue
        if (action === 'sql.update') addForUpdate(on(String(literal(given.table))), given)
        else if (action === 'sql.execute') addForStatement(on, literal(given.tables))
      }
  return [...byTable].map(([table, { update, select, whole }]) => ({
    table,
    update: [...update].sort(),
    select: [...select].sort(),
    ...(whole.size > 0 ? { whole: [...whole].sort() } : {}),
  }))
}

function addForUpdate({ update, select }: Needed, given: PlanAction['with']): void {
  for (const column of names(given.set)) {
    update.add(column)
    select.add(column)
  }
  for (const column of names(given.where)) select.add(column)
}

function addForStatement(on: (table: string) => Needed, tables: unknown): void {
  for (const [table, rights] of Object.entries(tables as Record<string, string[]>))
    for (const right of rights) on(table).whole.add(right.toUpperCase())
}

function literal(value: Value | undefined): unknown {
  return value && 'lit' in value ? value.lit : undefined
}

/** The keys of a parameter that is a record. Its values may be literals or expressions. */
function names(value: Value | undefined): string[] {
  if (!value) return []
  if ('map' in value) return Object.keys(value.map)
  return 'lit' in value && typeof value.lit === 'object' && value.lit !== null ? Object.keys(value.lit) : []
}
