import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { RULES } from '../../../src/language/rules.ts'
import { fakeTerminal } from './fake-terminal.ts'

test('most rules have an example', () => {
  const file = new URL('../../../src/cli/render/rule-examples.json', import.meta.url)
  expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object).length).toBeGreaterThan(50)
})

test('a rule is explained with a wrong example, its message and a right example', async () => {
  const terminal = fakeTerminal()
  expect(await main(['explain', 'unknown-function'], terminal)).toBe(0)
  expect(terminal.out).toContain('Wrong\n  symptom: count(stuck.rows) > 0\n')
  expect(terminal.out).toContain('Right\n  symptom: stuck.rows.size() > 0\n')
  expect(terminal.out).toContain('There is no function')
})

test('every rule can be explained, and its example contains no invisible characters', async () => {
  for (const rule of Object.keys(RULES)) {
    const terminal = fakeTerminal()
    expect(await main(['explain', rule], terminal), rule).toBe(0)
    expect(terminal.out, rule).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]/u)
  }
})
