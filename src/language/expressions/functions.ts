import type { Type } from '../../core/plan.ts'
import { bounded, finite, list, number, ofList, takes, text, type CelFunction } from './cel-function.ts'
import { assignable, isList, isNullable, isNumber, orNull, unify, withoutNull } from './types.ts'
import { Duration, EvaluationError, MAX_LENGTH, compare, durationFrom, equal, show, toText } from './runtime-values.ts'
import type { Value } from './runtime-values.ts'

const ordered = (type: Type) => type === 'dyn' || type === 'string' || type === 'duration' || isNumber(type)

/** Returns the least (-1) or greatest (1) item of a list, null if the list is empty; or the least or greatest of two values. */
function extreme(sign: 1 | -1): Pick<CelFunction, 'result' | 'run'> {
  return {
    result: (args) => {
      if (args.length === 2) {
        const both = unify(args[0]!, args[1]!)
        return both && ordered(both) ? both : undefined
      }
      return ofList((element) => (ordered(element) ? orNull(element) : undefined))(args)
    },
    run: (args, meter) => {
      const items = args.length === 2 ? args : list(args[0]!, meter)
      let best: Value | undefined
      for (const item of items) if (best === undefined || compare(item, best) * sign > 0) best = item
      return best ?? null
    },
  }
}

function textTest(
  name: string,
  summary: string,
  example: string,
  test: (a: string, b: string) => boolean,
): CelFunction {
  return {
    name,
    signature: `${name}(string, string) → bool`,
    summary,
    example,
    result: takes(['string', 'string'], 'bool'),
    run: ([a, b], meter) => {
      meter.spendText(text(a!).length)
      return test(text(a!), text(b!))
    },
  }
}

function textMap(name: string, summary: string, example: string, map: (a: string) => string): CelFunction {
  return {
    name,
    signature: `${name}(string) → string`,
    summary,
    example,
    result: takes(['string'], 'string'),
    run: ([a], meter) => bounded(map(text(a!)), meter),
  }
}

const TABLE: CelFunction[] = [
  {
    name: 'size',
    signature: 'size(list or string) → int',
    summary: 'The number of items or characters.',
    example: 'size(rows) > 0',
    result: ([of, ...more]) =>
      of !== undefined && more.length === 0 && (of === 'dyn' || of === 'string' || isList(of)) ? 'int' : undefined,
    run: ([of], meter) => {
      if (Array.isArray(of)) return of.length
      if (typeof of === 'string') {
        meter.spendText(of.length)
        return [...of].length
      }
      if (typeof of === 'object' && of !== null && !(of instanceof Duration)) return Object.keys(of).length
      throw new EvaluationError(`${show(of)} has no size`)
    },
    isMonotonic: true,
  },
  {
    name: 'orElse',
    signature: 'orElse(value, default) → the value, or the default if it is null',
    summary: 'The default for a value that may be null.',
    example: "inputs.run.orElse('all')",
    result: (args) => (args.length === 2 ? unify(withoutNull(args[0]!), args[1]!) : undefined),
    run: ([value, otherwise]) => value ?? otherwise!,
  },
  {
    name: 'present',
    signature: 'present(list) → the list without its nulls',
    summary: 'The items that are not null.',
    example: 'rows.map(r, r.job_id).present()',
    result: ofList((element) => ({ list: withoutNull(element) })),
    run: ([items], meter) => list(items!, meter).filter((item) => item !== null),
    isMonotonic: true,
  },
  {
    name: 'distinct',
    signature: 'distinct(list) → the list without repeats',
    summary: 'Each value once, in the order of its first occurrence.',
    example: 'rows.map(r, r.type).distinct()',
    result: ofList((element) => ({ list: element })),
    run: ([items], meter) => {
      const kept: Value[] = []
      for (const item of list(items!, meter)) if (!kept.some((other) => equal(item, other, meter))) kept.push(item)
      return kept
    },
    isMonotonic: true,
  },
  {
    name: 'first',
    signature: 'first(list) → the first item, or null',
    summary: 'The first item; null if the list is empty.',
    example: "rows.map(r, r.id).first().orElse('none')",
    result: ofList(orNull),
    run: ([items], meter) => list(items!, meter)[0] ?? null,
  },
  {
    name: 'sum',
    signature: 'sum(list of numbers) → number',
    summary: 'The sum; 0 if the list is empty.',
    example: 'sum(rows.map(r, r.waiting))',
    result: ofList((element) => (element === 'dyn' ? 'double' : isNumber(element) ? element : undefined)),
    run: ([items], meter) => finite(list(items!, meter).reduce<number>((total, item) => total + number(item), 0)),
  },
  {
    name: 'min',
    signature: 'min(list) → the least or null; min(a, b)',
    summary: 'The least item of a list (null if it is empty), or the lesser of two values.',
    example: 'min(queue.workers * 2, 8)',
    ...extreme(-1),
  },
  {
    name: 'max',
    signature: 'max(list) → the greatest or null; max(a, b)',
    summary: 'The greatest item of a list (null if it is empty), or the greater of two values.',
    example: 'max(queue.workers, 1) * 2',
    ...extreme(1),
  },
  {
    name: 'join',
    signature: 'join(list of strings or numbers, separator) → string',
    summary: 'The items as one string.',
    example: "rows.map(r, r.id).join(', ')",
    result: (args) =>
      args.length === 2 && assignable(args[1]!, 'string') && joinable(args[0]!) ? 'string' : undefined,
    run: ([items, separator], meter) => bounded(list(items!, meter).map(toText).join(text(separator!)), meter),
  },
  {
    name: 'string',
    signature: 'string(number, bool, duration or string) → string',
    summary: 'The value as a string; a duration as `90s`.',
    example: 'string(queue.waiting)',
    result: ([of, ...more]) => (of !== undefined && more.length === 0 && scalar(of) ? 'string' : undefined),
    run: ([of], meter) => bounded(toText(of!), meter),
  },
  {
    name: 'int',
    signature: 'int(number or string) → int',
    summary: 'The whole number; a fraction is cut off.',
    example: "int('42')",
    result: ([of, ...more]) =>
      of !== undefined && more.length === 0 && (of === 'dyn' || of === 'string' || isNumber(of)) ? 'int' : undefined,
    run: ([of]) => {
      if (typeof of === 'number') return finite(Math.trunc(of))
      if (typeof of === 'string' && /^[+-]?[0-9]{1,16}$/.test(of)) return finite(Number(of))
      throw new EvaluationError(`${show(of)} is not a whole number`)
    },
  },
  {
    name: 'double',
    signature: 'double(number or string) → double',
    summary: 'The number as a double, so that `/` keeps the fraction.',
    example: 'double(queue.active) / 2.0',
    result: ([of, ...more]) =>
      of !== undefined && more.length === 0 && (of === 'dyn' || of === 'string' || isNumber(of)) ? 'double' : undefined,
    run: ([of]) => {
      if (typeof of === 'number') return of
      if (typeof of === 'string' && /^[+-]?[0-9]{1,16}(\.[0-9]{1,16})?$/.test(of)) return Number(of)
      throw new EvaluationError(`double: ${show(of)} is not a decimal number such as 12 or -0.5`)
    },
  },
  {
    name: 'round',
    signature: 'round(number) → int',
    summary: 'The nearest whole number.',
    example: 'round(workers.cpu * 100.0)',
    result: takes(['double'], 'int'),
    run: ([of]) => finite(Math.round(number(of!))),
  },
  {
    name: 'duration',
    signature: 'duration(string) → duration',
    summary: 'The duration, such as 30s, 15m or 24h.',
    example: "inputs.threshold > duration('5m')",
    result: ([of, ...more]) =>
      of !== undefined && more.length === 0 && (of === 'duration' || assignable(of, 'string')) ? 'duration' : undefined,
    run: ([of]) => durationFrom(of),
  },
  {
    name: 'seconds',
    signature: 'seconds(duration) → double',
    summary: 'The number of seconds of a duration.',
    example: 'queue.oldestSeconds > seconds(inputs.threshold)',
    result: takes(['duration'], 'double'),
    run: ([of]) => durationFrom(of).ms / 1000,
  },
  textTest('startsWith', 'Whether the string starts with the other one.', "r.id.startsWith('run-')", (a, b) =>
    a.startsWith(b),
  ),
  textTest('endsWith', 'Whether the string ends with the other one.', "r.queue.endsWith(':dead')", (a, b) =>
    a.endsWith(b),
  ),
  textTest('contains', 'Whether the string contains the other one.', "r.error.contains('Connection refused')", (a, b) =>
    a.includes(b),
  ),
  textMap('lowerAscii', 'The string in lower case.', "r.error.lowerAscii().contains('timeout')", (a) =>
    a.toLowerCase(),
  ),
  textMap('upperAscii', 'The string in upper case.', 'r.status.upperAscii()', (a) => a.toUpperCase()),
  textMap('trim', 'The string without white space at both ends.', 'r.host.trim()', (a) => a.trim()),
  {
    name: 'split',
    signature: 'split(string, separator) → list of string',
    summary: 'The parts of the string between the separators.',
    example: "r.job_id.split('__')[0]",
    result: takes(['string', 'string'], { list: 'string' }),
    run: ([of, separator], meter) => {
      meter.spend(text(of!).length)
      return text(of!).split(text(separator!))
    },
  },
  {
    name: 'replace',
    signature: 'replace(string, what, with) → string',
    summary: 'The string with every occurrence replaced.',
    example: "r.id.replace('-', '_')",
    result: takes(['string', 'string', 'string'], 'string'),
    run: ([of, what, by], meter) => {
      // The length of the result is checked before the result is built.
      const found = text(of!).split(text(what!))
      meter.spend(found.length)
      if (text(of!).length + found.length * text(by!).length > MAX_LENGTH * 2)
        throw new EvaluationError(`a string is longer than ${MAX_LENGTH} characters`)
      return bounded(found.join(text(by!)), meter)
    },
  },
  {
    name: 'substring',
    signature: 'substring(string, from, to) → string',
    summary: 'The characters from index `from` to index `to`, exclusive; cut at the end of the string.',
    example: 'r.error.substring(0, 80)',
    result: takes(['string', 'int', 'int'], 'string'),
    run: ([of, from, to]) => text(of!).slice(Math.max(0, number(from!)), Math.max(0, number(to!))),
  },
]

function scalar(type: Type): boolean {
  return typeof type === 'string'
}

function joinable(type: Type): boolean {
  if (type === 'dyn') return true
  return isList(type) && scalar(withoutNull(type.list))
}

const BY_NAME = new Map(TABLE.map((entry) => [entry.name, entry]))

export function functionNamed(name: string): CelFunction | undefined {
  return BY_NAME.get(name)
}

export const FUNCTIONS: readonly CelFunction[] = TABLE

/** Functions of CEL or of its library that runbooks cannot use, each with the reason, or with what to use instead. */
export const REFUSED_FUNCTIONS: Record<string, string> = {
  matches: 'a regular expression can take very long; use contains, startsWith, endsWith, or match in SQL',
  now: 'expressions have no clock; compare times in SQL',
  timestamp: 'compare times in SQL, and return an age or a flag as a column',
  bind: 'use a separate check or cause for the value',
  dyn: 'types are known from the declarations; declare a column of unknown type as dyn',
  type: 'types are known from the declarations',
  bytes: 'the language has no bytes',
  uint: 'use int',
}
for (const name of ['getFullYear', 'getMonth', 'getDate', 'getDayOfMonth', 'getDayOfWeek', 'getDayOfYear', 'getHours'])
  REFUSED_FUNCTIONS[name] = 'handle times in SQL'
for (const name of ['getMinutes', 'getSeconds', 'getMilliseconds'])
  REFUSED_FUNCTIONS[name] = 'for a duration use seconds(duration); handle times in SQL'

/** Whether an argument was refused only because it may be null. */
export function takesWithoutNull(entry: CelFunction, args: Type[]): boolean {
  return args.some(isNullable) && entry.result(args.map(withoutNull)) !== undefined
}
