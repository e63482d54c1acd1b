import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { JsonObject } from '../../../src/core/json.ts'
import { runbookSchema } from '../../../src/language/schema.ts'

const file = new URL('../../../schema/runbook.json', import.meta.url)

test('schema/runbook.json is what the definitions give (RUNBOOK_WRITE=1 writes it anew)', () => {
  const text = `${JSON.stringify(runbookSchema(), null, 2)}\n`
  if (process.env['RUNBOOK_WRITE']) writeFileSync(file, text)
  expect(readFileSync(file, 'utf8')).toBe(text)
})

test('every field has a hover text, and unknown fields are refused everywhere', () => {
  const definitions = runbookSchema()['definitions'] as Record<string, JsonObject>
  for (const [name, { properties, additionalProperties }] of Object.entries(definitions)) {
    expect(additionalProperties, name).toBe(false)
    for (const [field, schema] of Object.entries(properties as Record<string, JsonObject>))
      expect(schema['description'], `${name}.${field}`).toMatch(/\S/)
  }
})
