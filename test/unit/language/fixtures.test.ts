import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { compileRunbook } from '../../../src/language/compile.ts'
import { renderText } from '../../../src/language/problems.ts'
import { RULES } from '../../../src/language/rules.ts'
import { connections, channels } from '../../fixtures/runbooks/connections.ts'

const folder = new URL('../../fixtures/runbooks/', import.meta.url)
const namesIn = (kind: string) => readdirSync(new URL(`${kind}/`, folder)).map((file) => file.replace('.yaml', ''))
const [valid, broken] = [namesIn('valid'), namesIn('broken')]

function compiled(kind: string, name: string) {
  const text = readFileSync(new URL(`${kind}/${name}.yaml`, folder), 'utf8')
  return compileRunbook(text, { file: `${name}.yaml`, connections, channels })
}

describe('valid runbooks compile without a problem', () => {
  test.each(valid)('%s', (name) => {
    const { problems, plan, planDigest } = compiled('valid', name)
    expect(renderText(problems)).toBe('')
    expect(plan).toBeDefined()
    expect(planDigest).toMatch(/^[0-9a-f]{64}$/)
  })
})

describe('one slip is one problem, of the rule that the file is named for', () => {
  test.each(broken)('%s', (name) => {
    const { problems, plan } = compiled('broken', name)
    const rule = name.split('--')[0]
    expect(
      problems.map((problem) => problem.rule),
      renderText(problems),
    ).toEqual([rule])
    const [problem] = problems
    expect(plan === undefined).toBe(problem!.severity === 'error')
    expect(problem!.line).toBeGreaterThan(0)
    expect(problem!.frame).toContain('^')
    expect(problem!.message).toMatch(/[.)?]$/)
  })
})

/** Rules between several runbooks: `test/unit/language/load.test.ts`. */
const BETWEEN = ['duplicate-runbook', 'duplicate-incident', 'unknown-incident', 'unknown-input', 'missing-input']

test('every rule has a broken example', () => {
  const scenarios = readdirSync(new URL('../scenarios/broken/', folder)).map((file) => file.replace('.yaml', ''))
  const shown = new Set([...broken, ...scenarios].map((name) => name.split('--')[0]!))
  expect(Object.keys(RULES).filter((rule) => !shown.has(rule) && !BETWEEN.includes(rule))).toEqual([])
})
