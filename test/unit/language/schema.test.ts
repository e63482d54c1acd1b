import { expect, test } from 'vitest'
import type { JsonObject } from '../../../src/core/json.ts'
import { runbookSchema, scenariosSchema } from '../../../src/language/schema.ts'

test.each([runbookSchema, scenariosSchema])(
  'every field has a hover text, and unknown fields are refused: %o',
  (schemaOf) => {
    const definitions = schemaOf()['definitions'] as Record<string, JsonObject>
    for (const [name, { properties, additionalProperties }] of Object.entries(definitions)) {
      expect(additionalProperties, name).toBe(false)
      for (const [field, schema] of Object.entries(properties as Record<string, JsonObject>))
        expect(schema['description'], `${name}.${field}`).toMatch(/\S/)
    }
  },
)
