import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { reference } from '../../../src/language/reference.ts'
import { SECTIONS } from '../../../src/language/structure/fields.ts'

const file = new URL('../../../docs/reference.md', import.meta.url)

test('docs/reference.md is what the definitions give (RUNBOOK_WRITE=1 writes it anew)', () => {
  if (process.env['RUNBOOK_WRITE']) writeFileSync(file, reference())
  expect(readFileSync(file, 'utf8')).toBe(reference())
})

test('the reference has every field, and tables are not broken by what stands in them', () => {
  const lines = reference().split('\n')
  for (const { fields } of Object.values(SECTIONS))
    for (const field of Object.keys(fields)) expect(lines.some((line) => line.startsWith(`| \`${field}\``))).toBe(true)
  for (const line of lines.filter((one) => one.startsWith('| `')))
    expect([3, 4]).toContain(line.match(/(?<!\\)\|/g)!.length)
})
