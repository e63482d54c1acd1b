import { isSameJson } from '../../core/canonical.ts'
import { isJsonObject, type JsonObject } from '../../core/json.ts'
import type { Plan } from '../../core/plan.ts'
import { healthyValues, resultTypes } from './check-results.ts'
import { complete } from './read-result.ts'

/** The fields that a scenario file gives for all its scenarios: `given.checks` and `given.rows`, by the name of the check. */
export interface SharedFields {
  checks: Record<string, JsonObject>
  rows: Record<string, JsonObject>
}

export const NOTHING_SHARED: SharedFields = { checks: {}, rows: {} }

/**
 * A function that takes from the result of a check every field that a scenario may omit, because the scenario is read back with the same
 * value. Fields that `shared` gives with another value are kept.
 */
export function neededFields(plan: Plan, shared: SharedFields): (check: string, result: JsonObject) => JsonObject {
  const types = resultTypes(plan)
  const healthy = healthyValues(plan)
  return (check, result) => {
    const type = types.get(check)
    if (type === undefined || type === 'ambiguous') return result
    const read = (given: JsonObject) =>
      complete({ ...shared.checks[check], ...given }, type, shared.rows[check], healthy.get(check))
    const isSame = (one: JsonObject, other: JsonObject) => isSameJson(read(one), read(other))
    const own = without(result, isSame)
    const rows = own['rows']
    if (!Array.isArray(rows)) return own
    const shortRows = rows.map((row) =>
      isJsonObject(row)
        ? without(row, (one, other) => isSame({ ...own, rows: [one] }, { ...own, rows: [other] }))
        : row,
    )
    const short = { ...own, rows: shortRows }
    return isSame(short, result) ? short : own
  }
}

/** Removes one field after the other, as long as the object means the same: the default of a field may depend on the other fields. */
function without(object: JsonObject, isSame: (reduced: JsonObject, object: JsonObject) => boolean): JsonObject {
  let reduced = object
  for (const name of Object.keys(object)) {
    const { [name]: _, ...rest } = reduced
    if (isSame(rest, object)) reduced = rest
  }
  return reduced
}
