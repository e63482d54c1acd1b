import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { GENERATED_FILES } from '../../scripts/generate/files.ts'

test.each(Object.entries(GENERATED_FILES))('%s is up to date', (path, generate) => {
  const stored = readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')
  expect(stored, `${path} is out of date: run "npm run generate" and commit the result`).toBe(generate())
})
