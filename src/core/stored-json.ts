import { isJsonObject, type Json, type JsonObject } from './json.ts'

/**
 * The maximum depth of stored JSON. The engine never stores deeper values, and functions that visit such values
 * recursively would run out of stack.
 */
const MAX_DEPTH = 200

/**
 * The object that a stored text holds; undefined if the text is not the JSON of an object, holds a number such as
 * 1e999, or is too deep. The engine never stores such a text, so somebody changed it. Never throws.
 */
export function readStoredObject(text: string): JsonObject | undefined {
  try {
    const value = JSON.parse(text) as Json
    return isJsonObject(value) && isKept(value) ? value : undefined
  } catch {
    return undefined
  }
}

/**
 * Whether the value is within the limits. The value is visited level by level and not recursively, so that deep nesting cannot exhaust the
 * stack.
 */
function isKept(value: Json): boolean {
  let level: Json[] = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_DEPTH || level.some((one) => typeof one === 'number' && !Number.isFinite(one))) return false
    level = level.flatMap((one) => (typeof one === 'object' && one !== null ? Object.values(one) : []))
  }
  return true
}
