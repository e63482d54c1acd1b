import type { Plan, Value } from '../core/plan.ts'
import type { ColumnGrant } from './prepared-connection.ts'

/** What the declared updates of these plans need on a connection: UPDATE on what they set, SELECT on that and on what guards it. */
export function neededGrants(plans: Iterable<Plan>, connection: string): ColumnGrant[] {
  const byTable = new Map<string, { update: Set<string>; select: Set<string> }>()
  for (const plan of plans)
    for (const remedy of Object.values(plan.remedies))
      for (const action of remedy.actions) {
        const { with: given } = action
        if (action.action !== 'sql.update' || literal(given.connection) !== connection) continue
        const table = String(literal(given.table))
        const grant = byTable.get(table) ?? { update: new Set(), select: new Set() }
        for (const column of names(given.set)) {
          grant.update.add(column)
          grant.select.add(column)
        }
        for (const column of names(given.where)) grant.select.add(column)
        byTable.set(table, grant)
      }
  return [...byTable].map(([table, { update, select }]) => ({
    table,
    update: [...update].sort(),
    select: [...select].sort(),
  }))
}

function literal(value: Value | undefined): unknown {
  return value && 'lit' in value ? value.lit : undefined
}

/** The keys of a record, whether its values are literal or not. */
function names(value: Value | undefined): string[] {
  if (!value) return []
  if ('map' in value) return Object.keys(value.map)
  return 'lit' in value && typeof value.lit === 'object' && value.lit !== null ? Object.keys(value.lit) : []
}
