import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { GENERATED_FILES } from '../../scripts/generate/files.ts'
import { kindTables } from '../../scripts/generate/kind-tables.ts'

const generated = [
  ...Object.entries(GENERATED_FILES).map(([path, generate]) => [path, generate()] as const),
  ...Object.entries(await kindTables()),
]

test.each(generated)('%s is up to date', (path, text) => {
  const stored = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  expect(stored, `${path} is out of date: run "npm run generate" and commit the result`).toBe(text)
})
