import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { configurationSchema } from '../../../src/config/reference.ts'
import type { JsonObject } from '../../../src/core/json.ts'
import { runbookSchema, scenariosSchema } from '../../../src/language/schema.ts'

test.each([
  ['runbook', runbookSchema],
  ['scenarios', scenariosSchema],
  ['configuration', configurationSchema],
])('schema/%s.json is what the definitions give (RUNBOOK_WRITE=1 writes it anew)', (name, schema) => {
  const file = new URL(`../../../schema/${name}.json`, import.meta.url)
  const text = `${JSON.stringify(schema(), null, 2)}\n`
  if (process.env['RUNBOOK_WRITE']) writeFileSync(file, text)
  expect(readFileSync(file, 'utf8')).toBe(text)
})

test.each([runbookSchema, scenariosSchema])(
  'every field has a hover text, and unknown ones are refused: %o',
  (schemaOf) => {
    const definitions = schemaOf()['definitions'] as Record<string, JsonObject>
    for (const [name, { properties, additionalProperties }] of Object.entries(definitions)) {
      expect(additionalProperties, name).toBe(false)
      for (const [field, schema] of Object.entries(properties as Record<string, JsonObject>))
        expect(schema['description'], `${name}.${field}`).toMatch(/\S/)
    }
  },
)
