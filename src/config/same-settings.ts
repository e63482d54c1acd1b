import { isDeepStrictEqual } from 'node:util'
import { Secret } from './secret.ts'

/** Whether two parts of a configuration are equal, including the values of their secrets. */
export function sameSettings(one: unknown, other: unknown): boolean {
  return isDeepStrictEqual(revealed(one), revealed(other))
}

/** Whether two secrets are equal. A secret that is not set differs from every value that it could have. */
function revealed(value: unknown): unknown {
  if (value instanceof Secret) return { variable: value.variable, value: value.known ? value.reveal() : undefined }
  if (Array.isArray(value)) return value.map(revealed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, revealed(one)]))
}
