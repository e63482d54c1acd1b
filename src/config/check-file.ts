import type { z } from 'zod'
import { didYouMean } from '../core/nearest.ts'
import { configSchema } from './schema.ts'
import type { ConfigFile } from './schema.ts'
import type { YamlFile } from './read-yaml.ts'

export interface ConfigProblem {
  line: number
  column: number
  message: string
}

/** Returns the value of the file with defaults, or all problems of the file. */
export function checkFile(file: YamlFile): { value: ConfigFile } | { problems: ConfigProblem[] } {
  if (file.problems.length > 0) return { problems: file.problems }
  const parsed = configSchema.safeParse(file.value ?? {})
  if (parsed.success) return { value: parsed.data }
  const problems = parsed.error.issues.flatMap((issue) => describe(issue, file))
  return { problems: problems.sort((a, b) => a.line - b.line || a.column - b.column) }
}

function describe(issue: z.core.$ZodIssue, file: YamlFile): ConfigProblem[] {
  const where = issue.path.length > 0 ? `${issue.path.join('.')}: ` : ''
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(issue.path, file.value)
    return issue.keys.map((key) => ({
      ...file.keyPosition(issue.path, key),
      message: `${where}unknown field "${key}".${suggestion(key, known)}`,
    }))
  }
  if (issue.code === 'invalid_union') {
    const kinds = ['postgres', 'bullmq', 'redis', 'http', 'process', 'logs']
    return [{ ...file.position(issue.path), message: `${where}is one of ${kinds.join(', ')}` }]
  }
  if (issue.code === 'invalid_key') {
    const message = issue.issues[0]?.message ?? 'not a name'
    return [{ ...file.keyPosition(issue.path.slice(0, -1), String(issue.path.at(-1))), message: `${where}${message}` }]
  }
  const missing = issue.code === 'invalid_type' && valueAt(issue.path, file.value) === undefined
  return [{ ...file.position(issue.path), message: `${where}${missing ? 'is missing' : issue.message}` }]
}

function valueAt(path: readonly PropertyKey[], value: unknown): unknown {
  return path.reduce<unknown>((at, key) => (at as Record<PropertyKey, unknown> | undefined)?.[key], value)
}

/** The names that the schema has at a path: suggestions for an unknown field. */
function knownKeys(path: readonly PropertyKey[], value: unknown): string[] {
  let schema: Walkable = configSchema as unknown as Walkable
  let at: unknown = value
  for (const key of path) {
    schema = inner(schema, at)
    at = (at as Record<PropertyKey, unknown> | undefined)?.[key]
    const next = schema.def.shape?.[String(key)] ?? schema.def.valueType ?? schema.def.element
    if (!next) return []
    schema = next
  }
  return Object.keys(inner(schema, at).def.shape ?? {})
}

/** The part of zod's schema objects that `knownKeys` reads. */
interface Walkable {
  def: {
    shape?: Record<string, Walkable>
    valueType?: Walkable
    element?: Walkable
    innerType?: Walkable
    options?: Walkable[]
    values?: unknown[]
  }
}

function inner(schema: Walkable, value: unknown): Walkable {
  let found = schema
  while (found.def.innerType) found = found.def.innerType
  const kind = (value as { kind?: unknown } | undefined)?.kind
  return found.def.options?.find((option) => option.def.shape?.kind?.def.values?.includes(kind)) ?? found
}

/** Suggests the most similar name, or lists all known names. */
function suggestion(word: string, known: string[]): string {
  return didYouMean(word, known) || (known.length > 0 ? ` Known are ${known.join(', ')}.` : '')
}
