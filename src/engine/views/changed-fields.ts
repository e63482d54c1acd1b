import type { Json, JsonObject } from '../../core/json.ts'

export interface ChangedField {
  name: string
  before: Json
  after: Json
}

/** The fields of a previewed row that an action changes. */
export function changedFields({ before, after }: { before: JsonObject; after: JsonObject }): ChangedField[] {
  return Object.keys(after)
    .filter((name) => Object.hasOwn(before, name) && JSON.stringify(before[name]) !== JSON.stringify(after[name]))
    .map((name) => ({ name, before: before[name]!, after: after[name]! }))
}
