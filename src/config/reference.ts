import { z } from 'zod'
import type { JsonObject } from '../core/json.ts'
import { configSchema } from './schema.ts'

/** A level of `runbook.config.yaml`, or one kind of connection. */
export interface ConfigSection {
  name: string
  doc: string
  fields: { name: string; needed: boolean; doc: string; otherwise?: string }[]
}

/** The JSON Schema of `runbook.config.yaml`, from the definitions that read it. */
export function configurationSchema(): JsonObject {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' }) as JsonObject
}

/** Everything that may stand in `runbook.config.yaml`, outermost first. */
export function configuration(): ConfigSection[] {
  return sections('configuration', 'What the engine is told, in `runbook.config.yaml`.', configurationSchema())
}

/** The same as Markdown. */
export function configurationReference(): string {
  return [
    '# Configuration',
    '',
    'Generated from the definitions that read `runbook.config.yaml` (`runbook explain --configuration`). Do not edit it.',
    '',
    'The file stands beside or above the runbooks. Addresses, tokens and keys are references, `${NAME}`: their values come from the',
    'environment, or from `.runbook/env` beside the file. A reference anywhere else is refused.',
    '',
    ...configuration().flatMap(({ name, doc, fields }) => [
      `## ${name}`,
      '',
      doc,
      '',
      '| field | what it is |',
      '| --- | --- |',
      ...fields.map(
        (field) =>
          `| \`${field.name}\`${field.needed ? ' (needed)' : ''} | ${fieldText(field).replaceAll('|', '\\|')} |`,
      ),
      '',
    ]),
  ].join('\n')
}

/** What a field is, and what holds without it. */
export function fieldText({ doc, otherwise }: ConfigSection['fields'][number]): string {
  return otherwise === undefined ? doc : `${doc} When left out: ${otherwise}.`
}

type Schema = JsonObject & { description?: string; properties?: Record<string, Schema>; oneOf?: Schema[] }

function sections(name: string, doc: string, schema: Schema): ConfigSection[] {
  const needed = (schema['required'] ?? []) as string[]
  const properties = Object.entries(schema.properties ?? {})
  const fields = properties
    .filter(([, one]) => !('const' in one))
    .map(([field, one]) => ({
      name: field,
      needed: needed.includes(field),
      doc: one.description ?? '',
      ...withoutIt(one['default']),
    }))
  const beneath = properties.flatMap(([field, one]) =>
    levels(field, one).flatMap((level) =>
      sections(level.name, level.schema.description ?? one.description ?? '', level.schema),
    ),
  )
  return [{ name, doc, fields }, ...beneath]
}

/** The objects with fields of their own that a field holds: itself, each of a list, each by a name, each of a kind. */
function levels(field: string, schema: Schema): { name: string; schema: Schema }[] {
  const inner = (schema['items'] ?? (schema['additionalProperties'] || schema)) as Schema
  if (inner.oneOf)
    return inner.oneOf.map((one) => ({ name: `${field}: ${String(one.properties!['kind']!['const'])}`, schema: one }))
  return inner.properties ? [{ name: field, schema: inner }] : []
}

/** Nothing where there is no default, or it is that nothing is there. */
function withoutIt(value: unknown): { otherwise?: string } {
  if (value === undefined || (typeof value === 'object' && Object.keys(value as object).length === 0)) return {}
  if (Array.isArray(value)) return { otherwise: value.map((one) => `\`${one}\``).join(', ') }
  return typeof value === 'object' ? {} : { otherwise: `\`${String(value)}\`` }
}
