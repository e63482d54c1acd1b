import { parseDuration } from '../../src/core/duration.ts'
import { RunbookError } from '../../src/core/errors.ts'
import { isJsonObject } from '../../src/core/json.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'

/**
 * Functions that read the parameters of a check. The compiler has checked literals, but an expression may return any value. Each function
 * returns the value, or throws RunbookError `RUNBOOK_CHECK_FAILED` with the parameter's name.
 */
export function requiredString(parameters: JsonObject, name: string): string {
  const value = parameters[name]
  if (typeof value === 'string' && value !== '') return value
  throw badParameter(name, value, 'a string')
}

export function optionalString(parameters: JsonObject, name: string): string | undefined {
  return parameters[name] == null ? undefined : requiredString(parameters, name)
}

export function optionalList(parameters: JsonObject, name: string): Json[] | undefined {
  const value = parameters[name]
  if (value == null) return undefined
  if (Array.isArray(value)) return value
  throw badParameter(name, value, 'a list')
}

/** A list of strings; numbers become strings, nulls are omitted. */
export function optionalStrings(parameters: JsonObject, name: string): string[] | undefined {
  return optionalList(parameters, name)?.flatMap((item) => {
    if (item === null) return []
    if (typeof item === 'string' || typeof item === 'number') return [String(item)]
    throw badParameter(name, item, 'a list of strings')
  })
}

export function optionalRecord(parameters: JsonObject, name: string): JsonObject | undefined {
  const value = parameters[name]
  if (value == null) return undefined
  if (isJsonObject(value)) return value
  throw badParameter(name, value, 'a map')
}

export function optionalBool(parameters: JsonObject, name: string): boolean | undefined {
  const value = parameters[name]
  if (value == null) return undefined
  if (typeof value === 'boolean') return value
  throw badParameter(name, value, 'true or false')
}

/** Reads a whole number from 1 to `max`; `fallback` is used if the parameter is absent. */
export function limitParameter(parameters: JsonObject, name: string, fallback: number, max: number): number {
  const value = parameters[name]
  if (value == null) return fallback
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= max) return value
  throw badParameter(name, value, `a whole number from 1 to ${max}`)
}

/** A duration parameter in milliseconds; undefined if it is absent. */
export function optionalDuration(parameters: JsonObject, name: string): number | undefined {
  const value = parameters[name]
  if (value == null) return undefined
  const ms = typeof value === 'string' ? parseDuration(value) : undefined
  if (ms !== undefined) return ms
  throw badParameter(name, value, 'a duration such as 30s, 15m, 24h')
}

function badParameter(name: string, value: Json | undefined, wanted: string): RunbookError {
  const shown = value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
  return new RunbookError('RUNBOOK_CHECK_FAILED', `parameter ${name} is ${shown}: it must be ${wanted}`)
}
