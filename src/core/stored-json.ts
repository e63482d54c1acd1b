import { isJsonObject, type Json, type JsonObject } from './json.ts'

/** What the engine stores is never this deep: functions that visit deeper values recursively would run out of stack. */
const MAX_DEPTH = 200

/**
 * The object that a stored text holds; undefined if the text is not the JSON of an object, holds a number such as 1e999, or is too deep.
 * The engine stores nothing of the kind: somebody changed the text. Never throws.
 */
export function readStoredObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json
    return isJsonObject(value) && isKept(value) ? value : undefined
  } catch {
    return undefined
  }
}

/** Level by level, so that no depth is too much for this function itself. */
function isKept(value: Json): boolean {
  let level: Json[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH || level.some((one) => typeof one === 'number' && !Number.isFinite(one))) return false
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
  return true
}
