import { RunbookError } from '../core/errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts'

/** A parameter that must be a non-empty string. Throws RUNBOOK_BAD_INPUT with the parameter's name. */
export function textParameter(parameters: JsonObject, name: string): string {
  const value = parameters[name]
  if (typeof value === 'string' && value !== '') return value
  throw badParameter(name, 'a non-empty string', value)
}

/** A parameter that must be a whole number. Throws RUNBOOK_BAD_INPUT with the parameter's name. */
export function wholeParameter(parameters: JsonObject, name: string, defaultValue?: number): number {
  const value = parameters[name] ?? defaultValue
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw badParameter(name, 'a whole number', value)
}

/** A parameter that must be an object; empty if it is absent. Throws RUNBOOK_BAD_INPUT with the parameter's name. */
export function recordParameter(parameters: JsonObject, name: string): JsonObject {
  const value = parameters[name] ?? {}
  if (isJsonObject(value)) return value
  throw badParameter(name, 'names and values', value)
}

/** A parameter that must be a list; empty if it is absent. Throws RUNBOOK_BAD_INPUT with the parameter's name. */
export function listParameter(parameters: JsonObject, name: string): Json[] {
  const value = parameters[name] ?? []
  if (Array.isArray(value)) return value
  throw badParameter(name, 'a list', value)
}

function badParameter(name: string, expected: string, value: Json | undefined): RunbookError {
  const actual = value === undefined ? 'absent' : JSON.stringify(value).slice(0, 80)
  return new RunbookError('RUNBOOK_BAD_INPUT', `${name} must be ${expected}, but is ${actual}`, { parameter: name })
}
