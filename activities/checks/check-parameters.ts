import { parseDuration } from '../../src/core/duration.ts'
import { RunbookError } from '../../src/core/errors.ts'
import { isJsonObject } from '../../src/core/json.ts'
import type { Json, JsonObject } from '../../src/core/json.ts'

/**
 * A check's parameters as they arrive: literals were checked by the compiler, but what an expression gave may be anything. Each
 * function gives the value or throws RunbookError `RUNBOOK_CHECK_FAILED` that names the parameter.
 */
export function requiredText(parameters: JsonObject, name: string): string {
  const value = parameters[name]
  if (typeof value === 'string' && value !== '') return value
  throw wrong(name, value, 'a text')
}

export function optionalText(parameters: JsonObject, name: string): string | undefined {
  return parameters[name] == null ? undefined : requiredText(parameters, name)
}

export function optionalList(parameters: JsonObject, name: string): Json[] | undefined {
  const value = parameters[name]
  if (value == null) return undefined
  if (Array.isArray(value)) return value
  throw wrong(name, value, 'a list')
}

/** A list of texts; numbers become texts, nulls are left out. */
export function optionalTexts(parameters: JsonObject, name: string): string[] | undefined {
  return optionalList(parameters, name)?.flatMap((item) => {
    if (item === null) return []
    if (typeof item === 'string' || typeof item === 'number') return [String(item)]
    throw wrong(name, item, 'a list of texts')
  })
}

export function optionalRecord(parameters: JsonObject, name: string): JsonObject | undefined {
  const value = parameters[name]
  if (value == null) return undefined
  if (isJsonObject(value)) return value
  throw wrong(name, value, 'a map')
}

export function optionalBool(parameters: JsonObject, name: string): boolean | undefined {
  const value = parameters[name]
  if (value == null) return undefined
  if (typeof value === 'boolean') return value
  throw wrong(name, value, 'true or false')
}

/** A whole number from 1 to `most`; `otherwise` when it is absent. */
export function limitOf(parameters: JsonObject, name: string, otherwise: number, most: number): number {
  const value = parameters[name]
  if (value == null) return otherwise
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= most) return value
  throw wrong(name, value, `a whole number from 1 to ${most}`)
}

/** Milliseconds. */
export function optionalDuration(parameters: JsonObject, name: string): number | undefined {
  const value = parameters[name]
  if (value == null) return undefined
  const ms = typeof value === 'string' ? parseDuration(value) : undefined
  if (ms !== undefined) return ms
  throw wrong(name, value, 'a duration such as 30s, 15m, 24h')
}

function wrong(name: string, value: Json | undefined, wanted: string): RunbookError {
  const shown = value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80)
  return new RunbookError('RUNBOOK_CHECK_FAILED', `parameter ${name} is ${shown}: it must be ${wanted}`)
}
