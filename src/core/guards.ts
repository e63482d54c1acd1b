import { isJsonObject, type Json, type JsonObject } from './json.ts'

/** A function that says whether a value of unknown origin has the type `T`. */
export type Guard<T> = (value: unknown) => value is T
/** A guard for each field of an object type. */
export type Fields<T> = { [F in keyof T]-?: Guard<T[F]> }

export const text: Guard<string> = (value) => typeof value === 'string'
export const number: Guard<number> = (value) => typeof value === 'number'
export const flag: Guard<boolean> = (value) => typeof value === 'boolean'
export const texts: Guard<string[]> = listOf(text)
export const object: Guard<JsonObject> = (value): value is JsonObject => isJsonObject(value)
export const byName: Guard<Record<string, string>> = (value): value is Record<string, string> =>
  isJsonObject(value) && Object.values(value).every(text)

export function listOf<T>(guard: Guard<T>): Guard<T[]> {
  return (value): value is T[] => Array.isArray(value) && value.every(guard)
}

export function optional<T>(guard: Guard<T>): Guard<T> {
  return (value): value is T => value === undefined || guard(value)
}

export function oneOf<T extends Json>(...values: T[]): Guard<T> {
  return (value): value is T => values.includes(value as T)
}

export function nullOr<T>(guard: Guard<T>): Guard<T | null> {
  return (value): value is T | null => value === null || guard(value)
}

/** Returns a guard for objects in which each of these fields has its type. Other fields may have any value. */
export function objectOf<T>(fields: Fields<T>): Guard<T> {
  const guards = Object.entries<Guard<unknown>>(fields)
  return (value): value is T =>
    isJsonObject(value) && guards.every(([name, guard]) => guard(Object.hasOwn(value, name) ? value[name] : undefined))
}
