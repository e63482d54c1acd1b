import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

const page = readFileSync(new URL('../../../docs/guarantees.md', import.meta.url), 'utf8')
const commands = [...page.matchAll(/`(?:\w+=\S+ )*npx vitest run --project (\w+)([^`]*)`/g)].map((match) => ({
  project: match[1]!,
  filters: match[2]!.trim().split(/\s+/).filter(Boolean),
}))

test('every promise names the command that checks it, and every command finds its tests', () => {
  const promises = page.split(/^## /m).filter((part) => /^\d\./.test(part))
  expect(promises.length).toBeGreaterThanOrEqual(6)
  for (const promise of promises) {
    expect(promise, promise.slice(0, 40)).toContain('**Not promised**')
    expect(promise, promise.slice(0, 40)).toContain('npx vitest run')
  }
  for (const { project, filters } of commands) {
    const files = readdirSync(new URL(`../../${project}`, import.meta.url)).filter((file) => file.endsWith('.test.ts'))
    for (const filter of filters)
      expect(
        files.filter((file) => file.includes(filter)),
        `${project} ${filter}`,
      ).not.toEqual([])
  }
})
