import { RunbookError } from '../core/errors.ts'
import { isJsonObject, type Json, type JsonObject } from '../core/json.ts'

/** A parameter that must be a text that is not empty. Throws RUNBOOK_BAD_INPUT naming it. */
export function textParameter(parameters: JsonObject, name: string): string {
  const value = parameters[name]
  if (typeof value === 'string' && value !== '') return value
  throw bad(name, 'a text that is not empty', value)
}

/** A parameter that must be a whole number. Throws RUNBOOK_BAD_INPUT naming it. */
export function wholeParameter(parameters: JsonObject, name: string, byDefault?: number): number {
  const value = parameters[name] ?? byDefault
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw bad(name, 'a whole number', value)
}

/** A parameter of names and values; empty when it is not given. Throws RUNBOOK_BAD_INPUT naming it. */
export function recordParameter(parameters: JsonObject, name: string): JsonObject {
  const value = parameters[name] ?? {}
  if (isJsonObject(value)) return value
  throw bad(name, 'names and values', value)
}

/** A parameter that must be a list; empty when it is not given. Throws RUNBOOK_BAD_INPUT naming it. */
export function listParameter(parameters: JsonObject, name: string): Json[] {
  const value = parameters[name] ?? []
  if (Array.isArray(value)) return value
  throw bad(name, 'a list', value)
}

function bad(name: string, wanted: string, value: Json | undefined): RunbookError {
  const given = value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 80)
  return new RunbookError('RUNBOOK_BAD_INPUT', `${name} must be ${wanted}, and is ${given}`, { parameter: name })
}
