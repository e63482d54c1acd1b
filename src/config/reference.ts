import { defined } from '../core/defined.ts'
import { z } from 'zod'
import type { JsonObject } from '../core/json.ts'
import { EXAMPLE } from './example.ts'
import { configSchema } from './schema.ts'

/** A level of `runbook.config.yaml`, or one kind of connection. */
export interface ConfigSection {
  name: string
  doc: string
  fields: { name: string; required: boolean; doc: string; default?: string }[]
}

/** The JSON Schema of `runbook.config.yaml`, from the definitions that read it. */
export function configurationSchema(): JsonObject {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' }) as JsonObject
}

const TOP = 'configuration'

/** Every setting of `runbook.config.yaml`, outermost first. A level that several kinds of connections have is listed once. */
export function configuration(): readonly ConfigSection[] {
  return (known ??= readConfiguration())
}

/** The JSON Schema. It is kept, because making it takes long and it never changes. */
let known: ConfigSection[] | undefined

function readConfiguration(): ConfigSection[] {
  const all = sections(TOP, 'The top level of `runbook.config.yaml`.', configurationSchema())
  const isSame = (a: ConfigSection, b: ConfigSection) => JSON.stringify(a.fields) === JSON.stringify(b.fields)
  const unique = all.filter(
    (section, i) => all.findIndex((one) => one.name === section.name && isSame(one, section)) === i,
  )
  // A section whose fields depend on the kind of the connection is named after the kinds that have these fields.
  return unique.map(({ name, doc, fields }) => {
    const section = { name, doc, fields }
    const others = all.filter((one) => one.name === name)
    const kinds = others.flatMap((one) => (isSame(one, section) ? (one.kind ?? []) : []))
    return others.every((one) => isSame(one, section)) ? section : { ...section, name: `${name} (${kinds.join(', ')})` }
  })
}

/** The reference of all settings as Markdown: `docs/configuration.md`. */
export function configurationReference(): string {
  return [
    '# Configuration',
    '',
    'Generated from the definitions that read `runbook.config.yaml` (`runbook explain --configuration`). Do not edit it.',
    '',
    'Put the file in the directory of the runbooks or in a directory above it. Write addresses, tokens and keys as references, `${NAME}`:',
    'their values come from the environment, or from `.runbook/env` next to the file. A reference in any other field is refused.',
    '',
    'The API and the worker load this file, `.runbook/env` and the runbooks again when one of them changes, `policy` included. They do so only',
    'if nothing has an error; otherwise they keep the version that they use, and `runbook list`, `show` and `doctor` say so.',
    'An approval that a runbook demands and that is weaker than `policy` does not count as an error here: the policy decides. Changes of',
    '`database` and `temporal`, and of the variables of the process itself, need a restart; for the first two, `runbook doctor` says so.',
    '',
    'A whole example. What is left out has its default:',
    '',
    '```yaml',
    EXAMPLE.trimEnd(),
    '```',
    '',
    ...configuration().flatMap(({ name, doc, fields }) => [
      `## ${name}`,
      '',
      doc,
      '',
      '| field | description |',
      '| --- | --- |',
      ...fields.map(
        (field) =>
          `| \`${field.name}\`${field.required ? ' (required)' : ''} | ${fieldText(field).replaceAll('|', '\\|')} |`,
      ),
      '',
    ]),
  ].join('\n')
}

/** A field's description, with its default. */
export function fieldText({ doc, default: value }: ConfigSection['fields'][number]): string {
  return value === undefined ? doc : `${doc} Default: ${value}.`
}

type Schema = JsonObject & { description?: string; properties?: Record<string, Schema>; oneOf?: Schema[] }

/** Describes a section. `kind` is the kind of the connection to which the section belongs. */
function sections(name: string, doc: string, schema: Schema, kind?: string): (ConfigSection & { kind?: string })[] {
  const required = (schema['required'] ?? []) as string[]
  const properties = Object.entries(schema.properties ?? {})
  const fields = properties
    .filter(([, one]) => !('const' in one))
    .map(([field, one]) => ({
      name: field,
      required: required.includes(field),
      doc: one.description ?? '',
      ...defaultText(one['default']),
    }))
  // A level that several kinds of connections share has its own name.
  const isTop = name === TOP || name.includes(': ')
  const nested = properties.flatMap(([field, one]) =>
    levels(field, one).flatMap((level) =>
      sections(
        isTop ? level.name : `${name}.${level.name}`,
        level.schema.description ?? one.description ?? '',
        level.schema,
        name.split(': ')[1],
      ),
    ),
  )
  return [{ name, doc, fields, ...defined({ kind }) }, ...nested]
}

/** The schemas of the objects that a field contains: the field itself, a list's items, a record's values, or one schema per connection kind. */
function levels(field: string, schema: Schema): { name: string; schema: Schema }[] {
  const inner = (schema['items'] ?? (schema['additionalProperties'] || schema)) as Schema
  if (inner.oneOf)
    return inner.oneOf.map((one) => ({ name: `${field}: ${String(one.properties!['kind']!['const'])}`, schema: one }))
  return inner.properties ? [{ name: field, schema: inner }] : []
}

/** The default as Markdown; empty if there is no default, or if it is an empty list or object. */
function defaultText(value: unknown): { default?: string } {
  if (value === undefined || (typeof value === 'object' && Object.keys(value as object).length === 0)) return {}
  if (Array.isArray(value)) return { default: value.map((one) => `\`${one}\``).join(', ') }
  return typeof value === 'object' ? {} : { default: `\`${String(value)}\`` }
}
