import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { GENERATED_FILES } from '../../scripts/generate/files.ts'
import { kindTables } from '../../scripts/generate/kind-tables.ts'

test.each(Object.entries(GENERATED_FILES))('%s is up to date', (path, generate) => {
  expectUpToDate(path, generate())
})

test('the tables of check and action kinds are up to date', async () => {
  for (const [path, text] of Object.entries(await kindTables())) expectUpToDate(path, text)
})

function expectUpToDate(path: string, text: string): void {
  const stored = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  expect(stored, `${path} is out of date: run "npm run generate" and commit the result`).toBe(text)
}
