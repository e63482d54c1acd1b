import { parseDuration } from '../core/duration.ts'
import { RunbookError } from '../core/errors.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { InputSpec } from '../core/plan.ts'
import { isStorable } from '../core/storable.ts'
import { violation } from '../language/compile/inputs.ts'
import { nearest } from '../core/nearest.ts'

/**
 * The inputs of a request, converted to the types that the runbook declares, with defaults. Strings are converted, because a command
 * line and an alert's labels hold only strings. Throws `RUNBOOK_BAD_INPUT` with every problem.
 */
export function readInputs(
  runbook: string,
  specs: Record<string, InputSpec>,
  given: Record<string, unknown>,
): JsonObject {
  const problems: string[] = []
  const inputs: JsonObject = {}
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(specs, name)) continue
    const suggestion = nearest(name, Object.keys(specs))
    const known = Object.keys(specs).join(', ') || 'none'
    problems.push(
      `${name}: ${runbook} has no such input${suggestion ? `; did you mean ${suggestion}?` : ''} (its inputs: ${known})`,
    )
  }
  for (const [name, spec] of Object.entries(specs)) {
    const read = readInput(spec, given[name])
    if ('problem' in read) problems.push(`${name}: ${read.problem}`)
    else inputs[name] = read.value
  }
  if (problems.length > 0) throw new RunbookError('RUNBOOK_BAD_INPUT', problems.join('\n'), { problems })
  return inputs
}

type Read = { value: Json } | { problem: string }

function readInput(spec: InputSpec, given: unknown): Read {
  if (given === undefined || given === null) {
    if (spec.default !== undefined) return { value: spec.default }
    return spec.optional ? { value: null } : { problem: `is required (${spec.type}): set it with --input` }
  }
  const read = convert(spec, given)
  return 'problem' in read ? read : checkRules(spec, read.value)
}

function convert(spec: InputSpec, given: unknown): Read {
  const expected = (form: string): Read => ({ problem: `${JSON.stringify(given)} is not ${form}` })
  switch (spec.type) {
    case 'string':
      return typeof given === 'string' && given.length <= 1_000 && isStorable(given)
        ? { value: given }
        : expected('a string of at most 1,000 characters without NUL or lone surrogates')
    case 'int': {
      const value = typeof given === 'string' && /^-?\d{1,15}$/.test(given) ? Number(given) : given
      return Number.isSafeInteger(value) ? { value: value as number } : expected('a whole number')
    }
    case 'number': {
      const value = typeof given === 'string' && given.trim() !== '' ? Number(given) : given
      return Number.isFinite(value) ? { value: value as number } : expected('a number')
    }
    case 'bool': {
      const value = given === 'true' ? true : given === 'false' ? false : given
      return typeof value === 'boolean' ? { value } : expected('true or false')
    }
    case 'duration':
      return typeof given === 'string' && parseDuration(given) !== undefined
        ? { value: given }
        : expected('a duration such as 30s, 15m or 24h')
  }
}

function checkRules(spec: InputSpec, value: Json): Read {
  const why = violation(spec, value)
  return why === undefined ? { value } : { problem: `${JSON.stringify(value)} ${why}` }
}
