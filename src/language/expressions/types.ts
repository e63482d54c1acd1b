import type { Type } from '../../core/plan.ts'

/** The type of the literal `null`. Any value can be compared with null. */
export const NULL: Type = Object.freeze({ nullable: 'dyn' })

export function isNullable(type: Type): type is { nullable: Type } {
  return typeof type === 'object' && 'nullable' in type
}

export function isList(type: Type): type is { list: Type } {
  return typeof type === 'object' && 'list' in type
}

export function isObject(type: Type): type is { object: Record<string, Type> } {
  return typeof type === 'object' && 'object' in type
}

export function isNumber(type: Type): boolean {
  return type === 'int' || type === 'double'
}

/** The type without null. */
export function withoutNull(type: Type): Type {
  return isNullable(type) ? withoutNull(type.nullable) : type
}

export function orNull(type: Type): Type {
  return isNullable(type) || type === 'dyn' ? type : { nullable: type }
}

/** The type of a field; undefined if there is no such field. Only own keys count, so `constructor` is not a field. */
export function fieldType(type: { object: Record<string, Type> }, name: string): Type | undefined {
  return Object.hasOwn(type.object, name) ? type.object[name] : undefined
}

/** The type as text, such as `list of {id: string, attempt: int}` or `string or null`. */
export function formatType(type: Type): string {
  if (type === NULL) return 'null'
  if (type === 'dyn') return 'any value'
  if (typeof type === 'string') return type
  if (isNullable(type)) return `${formatType(type.nullable)} or null`
  if (isList(type)) return `list of ${formatType(type.list)}`
  const fields = Object.entries(type.object)
  const shown = fields.slice(0, 6).map(([name, of]) => `${name}: ${formatType(of)}`)
  return `{${shown.join(', ')}${fields.length > shown.length ? ', …' : ''}}`
}

/** The type as text with its article, such as `an int` or `a list of string`. */
export function aType(type: Type): string {
  const text = formatType(type)
  if (text === 'null' || text.startsWith('any ') || text.startsWith('{')) return text
  return /^[aeiou]/.test(text) ? `an ${text}` : `a ${text}`
}

/** Like `aType`, but with a capital letter for the start of a sentence. */
export function aTypeFirst(type: Type): string {
  const text = aType(type)
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/** The narrowest type that includes both types; undefined if there is none. */
export function unify(a: Type, b: Type): Type | undefined {
  if (a === b) return a
  if (a === 'dyn' || b === 'dyn') return 'dyn'
  if (a === NULL) return orNull(b)
  if (b === NULL) return orNull(a)
  if (isNullable(a) || isNullable(b)) {
    const inner = unify(withoutNull(a), withoutNull(b))
    return inner && orNull(inner)
  }
  if (isNumber(a) && isNumber(b)) return 'double'
  if (isList(a) && isList(b)) {
    const element = unify(a.list, b.list)
    return element && { list: element }
  }
  if (isObject(a) && isObject(b)) return unifyObjects(a.object, b.object)
  return undefined
}

function unifyObjects(a: Record<string, Type>, b: Record<string, Type>): Type | undefined {
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return undefined
  const object: Record<string, Type> = {}
  for (const name of names) {
    const field = Object.hasOwn(b, name) ? unify(a[name]!, b[name]!) : undefined
    if (!field) return undefined
    object[name] = field
  }
  return { object }
}

/** Whether a value of type `from` can be used as `to`. A type that is known only at run time (`dyn`) can. */
export function assignable(from: Type, to: Type): boolean {
  if (from === to || to === 'dyn' || from === 'dyn') return true
  if (isNullable(to)) return from === NULL || assignable(withoutNull(from), to.nullable)
  if (isNullable(from)) return false
  if (from === 'int' && to === 'double') return true
  if (isList(from) && isList(to)) return assignable(from.list, to.list)
  if (isObject(from) && isObject(to))
    return Object.entries(to.object).every(([name, type]) => {
      const own = fieldType(from, name)
      return own ? assignable(own, type) : isNullable(type)
    })
  return false
}

/** Whether values of these types can be equal. `'1' == 1`, for example, is a mistake. */
export function comparable(a: Type, b: Type): boolean {
  return unify(a, b) !== undefined
}

/** Whether a value of this type can contain a duration, which is stored as a string and computed in milliseconds. */
export function mayHoldDuration(type: Type): boolean {
  if (type === 'duration' || type === 'dyn') return true
  if (typeof type === 'string') return false
  if (isNullable(type)) return mayHoldDuration(type.nullable)
  if (isList(type)) return mayHoldDuration(type.list)
  return Object.values(type.object).some(mayHoldDuration)
}

/** All fields of a result, by path: `waiting: int`, `rows[].id: string`. For a list of objects, only the fields of the objects. */
export function fieldsOf(type: Type, path = ''): { path: string; type: Type }[] {
  if (!isObject(type)) return []
  return Object.entries(type.object).flatMap(([name, of]) => {
    const inner = withoutNull(of)
    const below = isList(inner) ? fieldsOf(inner.list, `${path}${name}[].`) : fieldsOf(inner, `${path}${name}.`)
    return below.length > 0 ? below : [{ path: `${path}${name}`, type: of }]
  })
}
