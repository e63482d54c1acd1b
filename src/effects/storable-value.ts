import { scrubSecrets } from '../config/secret.ts'
import type { Json, JsonObject } from '../core/json.ts'
import { cutText, toStorable } from '../core/storable.ts'

const MAX_LENGTH = 4_000

/** The text without secrets and without characters that cannot be stored, cut to 4000 characters. */
export function storableText(given: string): string {
  const text = scrubSecrets(given)
  return toStorable(text.length > MAX_LENGTH ? `${cutText(text, MAX_LENGTH)}…` : text)
}

/** The object with `storableText` applied to every string in it. */
export function storableObject(value: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [storableText(name), storableValue(item)]))
}

function storableValue(value: Json): Json {
  if (typeof value === 'string') return storableText(value)
  if (typeof value !== 'object' || value === null) return value
  return Array.isArray(value) ? value.map(storableValue) : storableObject(value)
}
