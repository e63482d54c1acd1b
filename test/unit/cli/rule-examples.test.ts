import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { compileRunbook } from '../../../src/language/compile.ts'
import { RULES } from '../../../src/language/rules.ts'
import { known } from '../../fixtures/runbooks/connections.ts'
import { fakeTerminal } from './fake-terminal.ts'

const MOST_LINES = 12
const MOST_COLUMNS = 120

const pathOf = (kind: 'broken' | 'valid', rule: string) =>
  new URL(`../../fixtures/runbooks/${kind}/${rule}.yaml`, import.meta.url)

/** What differs between the pair of fixtures of a rule; undefined where that shows nothing at a glance. */
function exampleOf(rule: string): { wrong: string; says: string; right: string } | undefined {
  if (!existsSync(pathOf('broken', rule)) || !existsSync(pathOf('valid', rule))) return undefined
  const text = readFileSync(pathOf('broken', rule), 'utf8')
  // What the first line says of the fixture is no part of the runbook.
  const [wrong, right] = [text, readFileSync(pathOf('valid', rule), 'utf8')].map((one) =>
    one.split('\n').filter((line) => !line.startsWith('#')),
  ) as [string[], string[]]
  const same = (at: (lines: string[], i: number) => string | undefined, most: number) => {
    let count = 0
    while (count < most && at(wrong, count) === at(right, count)) count += 1
    return count
  }
  const shorter = Math.min(wrong.length, right.length)
  const before = same((lines, i) => lines[i], shorter)
  const after = same((lines, i) => lines.at(-1 - i), shorter - before)
  // Where something is missing, the line before shows where.
  const from = [wrong, right].some(({ length }) => length === before + after) ? Math.max(0, before - 1) : before
  const shown = [wrong, right].map((lines) => lines.slice(from, lines.length - after))
  if (shown.some((lines) => lines.length > MOST_LINES || lines.some((line) => line.length > MOST_COLUMNS)))
    return undefined
  const indent = Math.min(...shown.flat().map((line) => /^ */.exec(line)![0].length))
  const [problem] = compileRunbook(text, { file: 'runbook.yaml', ...known }).problems
  const joined = shown.map((lines) => lines.map((line) => line.slice(indent)).join('\n'))
  return { wrong: joined[0]!, says: problem!.message, right: joined[1]! }
}

test('the examples of rules are what their fixtures differ in (vitest -u writes them anew)', async () => {
  const rules = Object.keys(RULES).flatMap((rule) => {
    const example = exampleOf(rule)
    return example ? [[rule, example]] : []
  })
  expect(rules.length).toBeGreaterThan(50)
  const text = `${JSON.stringify(Object.fromEntries(rules), null, 2)}\n`
  await expect(text).toMatchFileSnapshot('../../../src/cli/render/rule-examples.json')
})

test('a rule is explained with what is wrong, what is said then, and what is right', async () => {
  const terminal = fakeTerminal()
  expect(await main(['explain', 'unknown-function'], terminal)).toBe(0)
  expect(terminal.out).toContain('Wrong\n  symptom: count(stuck.rows) > 0\n')
  expect(terminal.out).toContain('Right\n  symptom: stuck.rows.size() > 0\n')
  expect(terminal.out).toContain('There is no function')
})

test('every rule can be explained, and no example moves or turns the text around it', async () => {
  for (const rule of Object.keys(RULES)) {
    const terminal = fakeTerminal()
    expect(await main(['explain', rule], terminal), rule).toBe(0)
    expect(terminal.out, rule).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}]/u)
  }
})
