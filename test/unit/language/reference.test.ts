import { expect, test } from 'vitest'
import { reference } from '../../../src/language/reference.ts'
import { SECTIONS } from '../../../src/language/structure/fields.ts'

test('the reference has every field, and every row of its tables has all its cells', () => {
  const lines = reference().split('\n')
  for (const { fields } of Object.values(SECTIONS))
    for (const field of Object.keys(fields)) expect(lines.some((line) => line.startsWith(`| \`${field}\``))).toBe(true)
  for (const line of lines.filter((one) => one.startsWith('| `')))
    expect([3, 4]).toContain(line.match(/(?<!\\)\|/g)!.length)
})
