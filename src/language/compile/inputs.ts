import type { Json } from '../../core/json.ts'
import { formatDuration, parseDuration } from '../../core/duration.ts'
import type { InputSpec, InputType } from '../../core/plan.ts'
import type { NamedSection, Section } from '../structure/section.ts'
import type { Context } from './context.ts'

export function compileInputs(context: Context, named: NamedSection[]): Record<string, InputSpec> {
  return Object.fromEntries(named.map(({ name, section }) => [name, compileInput(context, section)]))
}

function compileInput(context: Context, section: Section): InputSpec {
  const type = (section.text('type') ?? 'string') as InputType
  const defaultValue = ofType(context, section, 'default', type)
  const options = section.data('enum') as Json[] | undefined
  const description = section.text('description')
  const [min, max, pattern] = [
    bound(context, section, 'min', type),
    bound(context, section, 'max', type),
    section.text('pattern'),
  ]
  if (min !== undefined && max !== undefined && min > max)
    context.reporter.error('bad-input', section.keyOf('max'), '"max" is less than "min": no value would be allowed.')
  const spec: InputSpec = { type, optional: section.bool('optional') ?? false }
  if (defaultValue !== undefined) spec.default = defaultValue
  if (description !== undefined) spec.description = description
  if (options !== undefined && allOfType(context, section, options, type)) spec.enum = options
  if (min !== undefined) spec.min = min
  if (max !== undefined) spec.max = max
  if (pattern !== undefined && patternIsSafe(context, section, pattern, type)) spec.pattern = pattern
  const why = defaultValue === undefined ? undefined : violation(spec, defaultValue)
  if (why) context.reporter.error('bad-input', section.at('default'), `The default ${why}.`)
  return spec
}

/** Why a value is not allowed for an input, in words; undefined if it is allowed. Used for defaults and for passed values. */
export function violation(spec: InputSpec, value: Json): string | undefined {
  if (!isOfType(spec.type, value)) return `must be ${TYPES[spec.type]}`
  if (spec.enum && !spec.enum.includes(value)) return `must be one of ${spec.enum.map(String).join(', ')}`
  const size = spec.type === 'duration' ? parseDuration(value as string) : value
  const shown = (limit: number) => (spec.type === 'duration' ? formatDuration(limit) : String(limit))
  if (typeof size === 'number' && spec.min !== undefined && size < spec.min)
    return `must be at least ${shown(spec.min)}`
  if (typeof size === 'number' && spec.max !== undefined && size > spec.max) return `must be at most ${shown(spec.max)}`
  if (typeof value === 'string' && value.length > MAX_LENGTH) return `must have at most ${MAX_LENGTH} characters`
  if (typeof value === 'string' && spec.pattern !== undefined && !new RegExp(`^(?:${spec.pattern})$`, 'u').test(value))
    return `must match ${spec.pattern}`
  return undefined
}

const MAX_LENGTH = 1_000

const TYPES: Record<InputType, string> = {
  string: 'a string',
  int: 'a whole number',
  number: 'a number',
  bool: 'true or false',
  duration: 'a duration with its unit, such as 30s, 15m or 24h',
}

function isOfType(type: InputType, value: Json): boolean {
  switch (type) {
    case 'string':
      return typeof value === 'string'
    case 'int':
      return Number.isSafeInteger(value)
    case 'number':
      return typeof value === 'number'
    case 'bool':
      return typeof value === 'boolean'
    case 'duration':
      return typeof value === 'string' && parseDuration(value) !== undefined
  }
}

function ofType(context: Context, section: Section, field: string, type: InputType): Json | undefined {
  const value = section.data(field)
  if (value === undefined || isOfType(type, value)) return value
  context.reporter.error(
    'bad-input',
    section.at(field),
    `"${field}" must be ${TYPES[type]}, because the input has that type.`,
  )
  return undefined
}

function allOfType(context: Context, section: Section, options: Json[], type: InputType): boolean {
  if (options.length > 0 && options.every((option) => isOfType(type, option))) return true
  context.reporter.error(
    'bad-input',
    section.at('enum'),
    `Each value must be ${TYPES[type]}, because the input has that type.`,
  )
  return false
}

/** A bound in the input's type: a number, or the milliseconds of a duration. */
function bound(context: Context, section: Section, field: 'min' | 'max', type: InputType): number | undefined {
  const value = section.data(field)
  if (value === undefined) return undefined
  const wanted = type === 'duration' ? 'string' : type === 'int' || type === 'number' ? 'number' : undefined
  if (typeof value === wanted) return typeof value === 'number' ? value : parseDuration(value as string)
  const message = wanted
    ? `"${field}" must be ${TYPES[type]}, because the input has that type.`
    : `"${field}" is only for numbers and durations, but this input is ${TYPES[type]}.`
  context.reporter.error('bad-input', section.at(field), message)
  return undefined
}

/**
 * Allows character classes, literals and at most two open-ended repetitions, but no groups, alternatives or backreferences. Together with
 * the maximum length of a string, this limits the time of matching.
 */
function patternIsSafe(context: Context, section: Section, pattern: string, type: InputType): boolean {
  const report = (message: string) => {
    context.reporter.error('bad-input', section.at('pattern'), message)
    return false
  }
  if (type !== 'string') return report(`"pattern" is only for strings, but this input is ${TYPES[type]}.`)
  const outside = pattern.replace(/\[(?:[^\]\\]|\\.)*\]/g, 'x').replace(/\\[dwsDWS.\-/]/g, 'x')
  if (/[()|\\^$]/.test(outside))
    return report('A pattern has only characters, [classes] and repetitions, and always matches the whole string.')
  if ((outside.match(/[+*]|\{[0-9]*,\}/g) ?? []).length > 2)
    return report('A pattern has at most two open-ended repetitions (+, *).')
  try {
    return new RegExp(`^(?:${pattern})$`, 'u') instanceof RegExp
  } catch (error) {
    return report(`This is not a regular expression: ${(error as Error).message}.`)
  }
}
