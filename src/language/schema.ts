import { defined } from '../core/defined.ts'
import type { Json, JsonObject } from '../core/json.ts'
import type { Type } from '../core/plan.ts'
import { isList, isNullable, isObject, withoutNull } from './expressions/types.ts'
import type { Kind, Parameter } from './kinds/kind.ts'
import { ACTIONS, CHECKS } from './kinds/table.ts'
import { fieldText } from './reference.ts'
import { SECTIONS, sectionsOfSameFile } from './structure/fields.ts'
import type { Field, Form, SectionName } from './structure/form.ts'
import { RESULTS } from './structure/scenario-fields.ts'

const DRAFT_7 = 'http://json-schema.org/draft-07/schema#'

/**
 * The JSON Schema of runbooks, in draft 7, which YAML editors support best: completion and hover texts for every field and for the
 * parameters of every kind. It covers the structure only; the compiler checks more.
 */
export function runbookSchema(checks: readonly Kind[] = CHECKS, actions: readonly Kind[] = ACTIONS): JsonObject {
  const definitions = definitionsBeside('runbook')
  withKinds(definitions['check'] as JsonObject, 'check', checks)
  withKinds(definitions['action'] as JsonObject, 'action', actions)
  return { $schema: DRAFT_7, title: 'Runbook', ...reference('runbook'), definitions }
}

/** The JSON Schema of scenario files. Whether a result fits its check depends on the runbook; `runbook test` checks that. */
export function scenariosSchema(): JsonObject {
  return {
    $schema: DRAFT_7,
    title: 'Scenarios of a runbook',
    ...reference('scenarios'),
    definitions: definitionsBeside('scenarios'),
  }
}

function definitionsBeside(root: SectionName): JsonObject {
  return Object.fromEntries(sectionsOfSameFile(root).map((name) => [name, sectionSchema(name)]))
}

const EXPRESSION: JsonObject = { type: 'string', pattern: '\\$\\{\\{' }
const DURATION: JsonObject = {
  type: 'string',
  pattern: '^[1-9][0-9]{0,8}(ms|s|m|h|d)$',
  examples: ['30s', '15m', '24h'],
}
const NAME: JsonObject = { type: 'string', pattern: '^[a-z][a-z0-9-]{0,59}$' }
const IDENTIFIER: JsonObject = { type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]{0,59}$' }
const STRING: JsonObject = { type: 'string', pattern: '\\S' }
/** An expression without `${{ }}`. */
const LITERAL_STRING: JsonObject = { ...STRING, not: { pattern: '\\$\\{\\{' } }
const COLUMN_TYPE: JsonObject = {
  type: 'string',
  pattern: '^(list\\()?(string|int|double|bool|duration|dyn)(\\?\\)|\\))?\\??$',
  examples: ['string', 'string?', 'int', 'list(string)'],
}

const reference = (section: SectionName): JsonObject => ({ $ref: `#/definitions/${section}` })

function sectionSchema(name: SectionName): JsonObject {
  const { doc, fields } = SECTIONS[name]
  const properties: JsonObject = {}
  for (const [field, spec] of Object.entries(fields)) properties[field] = described(spec)
  const required = Object.keys(fields).filter((field) => fields[field]!.required)
  const schema: JsonObject = { type: 'object', description: doc, properties, required, additionalProperties: false }
  const conditional = Object.entries(fields).filter(([, { requiredUnless }]) => requiredUnless !== undefined)
  if (conditional.length === 0) return schema
  const instead = conditional[0]![1].requiredUnless!
  // Draft 7 in strict mode requires that each required property is named in the same subschema.
  const all = (names: string[]): JsonObject => ({
    properties: Object.fromEntries(names.map((field) => [field, {}])),
    required: names,
  })
  return { ...schema, anyOf: [all(conditional.map(([field]) => field)), all([instead])] }
}

/** Draft 7 ignores the siblings of a `$ref`. So the `$ref` goes into `allOf`, and the description is written next to `allOf`. */
function described(field: Field): JsonObject {
  const schema = formSchema(field.form)
  const description = fieldText(field)
  return '$ref' in schema ? { allOf: [schema], description } : { ...schema, description }
}

const SIMPLE: Record<Extract<Form, string>, JsonObject> = {
  string: LITERAL_STRING,
  bool: { type: 'boolean' },
  duration: DURATION,
  name: NAME,
  identifier: IDENTIFIER,
  condition: { type: ['string', 'boolean', 'number'] },
  'list expression': { type: ['string', 'boolean', 'number'] },
  template: STRING,
  data: {},
  expressions: {
    type: 'object',
    propertyNames: IDENTIFIER,
    additionalProperties: { type: ['string', 'boolean', 'number'] },
  },
  values: { type: 'object' },
  results: {
    type: 'object',
    additionalProperties: {
      anyOf: [
        { enum: ['failed', 'timeout'] },
        { type: 'array', minItems: 1, items: reference('phase') },
        { type: 'object' },
      ],
    },
  },
  verdicts: { type: 'object', additionalProperties: { enum: [true, false, 'undetermined'] } },
  effects: { type: 'object', additionalProperties: { enum: [...RESULTS] } },
}

function formSchema(form: Form): JsonObject {
  if (typeof form === 'string') return SIMPLE[form]
  if ('words' in form) return { anyOf: [{ enum: [...form.words] }, reference(form.section)] }
  if ('section' in form) return reference(form.section)
  if ('listOf' in form) {
    const section = reference(form.listOf)
    return {
      type: 'array',
      minItems: 1,
      items: form.orWords ? { anyOf: [{ enum: [...form.orWords] }, section] } : section,
    }
  }
  if ('named' in form)
    return {
      type: 'object',
      propertyNames: form.by === 'name' ? NAME : IDENTIFIER,
      additionalProperties: reference(form.named),
    }
  if ('names' in form) {
    const name = form.names === 'name' ? NAME : IDENTIFIER
    return { anyOf: [name, { type: 'array', minItems: 1, items: name }] }
  }
  if ('oneOf' in form) return { enum: [...form.oneOf] }
  if ('nameOr' in form) return { ...NAME, examples: [...form.nameOr] }
  if ('int' in form) return { type: 'integer', minimum: form.int.min, maximum: form.int.max }
  return 'bound' in form ? { anyOf: [{ type: 'number' }, DURATION] } : { type: 'array' }
}

/** Adds the parameters of each kind: `with` depends on the kind that `check` or `action` names. */
function withKinds(section: JsonObject, field: 'check' | 'action', kinds: readonly Kind[]): void {
  const properties = section['properties'] as JsonObject
  const { description = '' } = properties[field] as JsonObject
  properties[field] = {
    anyOf: kinds.map(({ name: kind, summary }) => ({ const: kind, description: summary })),
    description,
  }
  section['allOf'] = kinds.map((kind) => ({
    if: { properties: { [field]: { const: kind.name } }, required: [field] },
    then: { properties: { with: parametersSchema(kind) }, ...(needsParameters(kind) ? { required: ['with'] } : {}) },
  }))
}

function needsParameters(kind: Kind): boolean {
  return Object.values(kind.parameters).some(isRequired)
}

function isRequired(parameter: Parameter): boolean {
  return parameter.required && parameter.default === undefined
}

function parametersSchema(kind: Kind): JsonObject {
  const names = Object.keys(kind.parameters)
  const properties: JsonObject = {}
  for (const name of names) {
    const parameter = kind.parameters[name]!
    properties[name] = {
      ...parameterSchema(parameter),
      description: parameter.doc,
      ...defined({ default: parameter.default }),
    }
  }
  const required = names.filter((name) => isRequired(kind.parameters[name]!))
  return { type: 'object', description: kind.summary, properties, required, additionalProperties: false }
}

function parameterSchema({ type, literal }: Parameter): JsonObject {
  if ('connection' in type) return LITERAL_STRING
  if ('oneOf' in type) return { enum: type.oneOf }
  if ('sql' in type) return LITERAL_STRING
  if ('columns' in type) return { type: 'object', minProperties: 1, additionalProperties: COLUMN_TYPE }
  if ('record' in type)
    return { type: 'object', additionalProperties: orExpression(typeSchema(type.record, literal), literal) }
  if ('duration' in type) return orExpression(DURATION, literal)
  return orExpression(typeSchema(type.value, literal), literal)
}

function orExpression(schema: JsonObject, literal: boolean): JsonObject {
  return literal || Object.keys(schema).length === 0 || (schema['type'] === 'string' && !('pattern' in schema))
    ? schema
    : { anyOf: [schema, EXPRESSION] }
}

const SCALARS: Record<Extract<Type, string>, JsonObject> = {
  string: { type: 'string' },
  int: { type: 'integer' },
  double: { type: 'number' },
  bool: { type: 'boolean' },
  duration: DURATION,
  dyn: {},
}

function typeSchema(type: Type, literal: boolean): JsonObject {
  if (typeof type === 'string') return SCALARS[type]
  if (isNullable(type)) return { anyOf: [typeSchema(withoutNull(type), literal), { type: 'null' }] }
  if (isList(type)) return { type: 'array', items: orExpression(typeSchema(type.list, literal), literal) }
  if (!isObject(type)) return {}
  const fields = Object.entries(type.object).map(([name, of]): [string, Json] => [
    name,
    orExpression(typeSchema(of, literal), literal),
  ])
  return { type: 'object', properties: Object.fromEntries(fields) }
}
