import { readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { compileRunbook } from '../../../src/language/compile.ts'
import { loadRunbooks } from '../../../src/language/load.ts'
import { renderText } from '../../../src/language/problems.ts'
import { RULES } from '../../../src/language/rules.ts'
import { known } from '../../fixtures/runbooks/connections.ts'

const folder = new URL('../../fixtures/runbooks/', import.meta.url)
const namesIn = (kind: string) => readdirSync(new URL(`${kind}/`, folder)).map((file) => file.replace('.yaml', ''))
const [valid, broken] = [namesIn('valid'), namesIn('broken')]

function compiled(kind: string, name: string) {
  const text = readFileSync(new URL(`${kind}/${name}.yaml`, folder), 'utf8')
  return compileRunbook(text, { file: `${name}.yaml`, ...known })
}

describe('a valid runbook compiles without problems', () => {
  test.each(valid)('%s', (name) => {
    const { problems, plan, planDigest } = compiled('valid', name)
    expect(renderText(problems)).toBe('')
    expect(plan).toBeDefined()
    expect(planDigest).toMatch(/^[0-9a-f]{64}$/)
  })
})

describe('a mistake is one problem, of the rule in the name of the file', () => {
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

describe('problems between the runbooks of a folder', () => {
  const between = new URL('between/', folder)
  const catalogue = (rule: string, kind: string) => {
    const { problems } = loadRunbooks([fileURLToPath(new URL(`${rule}/${kind}`, between))], known)
    return problems.map((problem) => problem.rule)
  }
  test.each(readdirSync(between))('%s', (rule) => {
    expect(catalogue(rule, 'valid')).toEqual([])
    expect(catalogue(rule, 'broken')).toEqual([rule])
  })
})

test('every rule has a broken example, and a similar valid one', () => {
  const between = readdirSync(new URL('between/', folder))
  const scenarios = readdirSync(new URL('../scenarios/broken/', folder)).map((file) => file.replace('.yaml', ''))
  const without = (examples: string[]) => {
    const rules = new Set(examples.map((name) => name.split('--')[0]!))
    return Object.keys(RULES).filter((rule) => !rules.has(rule))
  }
  expect(without([...broken, ...scenarios, ...between])).toEqual([])
  // missing-result is only about scenarios: its valid example is scenarios/valid.yaml.
  expect(without([...valid, ...between, 'missing-result'])).toEqual([])
})
