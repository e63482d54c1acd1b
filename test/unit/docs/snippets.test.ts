import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { coverageOf } from '../../../src/interpreter/scenarios/coverage.ts'
import { runScenario } from '../../../src/interpreter/scenarios/run-scenario.ts'
import { loadConfig } from '../../../src/config/load-config.ts'
import { compileRunbook } from '../../../src/language/compile.ts'
import type { ConnectionKind } from '../../../src/language/kinds/kind.ts'
import { renderText } from '../../../src/language/problems.ts'
import { compileScenarios } from '../../../src/language/scenarios/compile-scenarios.ts'
import { completeRecipe, page, snippets } from '../../support/cookbook.ts'

describe('the tutorial', () => {
  const all = snippets(page('writing-runbooks.md'))
  const only = (what: string) => all.find((snippet) => snippet.what === what)!.text
  const whole = only('runbook')

  test('has a complete runbook that compiles against its configuration without problems', () => {
    const folder = mkdtempSync(join(tmpdir(), 'tutorial-'))
    writeFileSync(join(folder, 'runbook.config.yaml'), only('config'))
    const { connections, channels } = loadConfig({ cwd: folder, env: {} })
    const kinds = Object.fromEntries(Object.entries(connections).map(([name, { kind }]) => [name, kind]))
    const { problems } = compileRunbook(whole, {
      file: 'payouts.yaml',
      connections: kinds,
      channels: Object.keys(channels),
    })
    expect(renderText(problems)).toBe('')
  })

  test('shows excerpts that are exactly those of the complete runbook', () => {
    const parts = all.filter(({ what }) => what === '')
    expect(parts.length).toBeGreaterThanOrEqual(5)
    for (const { text } of parts) expect(whole).toContain(text.trimEnd())
  })

  test('shows names for expressions that its runbook could use', () => {
    const text = whole
      .replace(/^causes:$/m, `${only('let')}\ncauses:`)
      .replace('affects: late.rows.filter(p, p.orphaned)', 'affects: orphaned')
      .replace('when: "!gateway.ok"', 'when: "!gateway.ok && !several"')
    expect(renderText(compileRunbook(text, { file: 'payouts.yaml' }).problems)).toBe('')
  })

  test('has scenarios that pass and cover every cause and remedy', async () => {
    const { plan } = compileRunbook(whole, { file: 'payouts.yaml' })
    const { scenarios, problems } = compileScenarios(only('scenarios'), 'payouts.test.yaml', plan!)
    expect(renderText(problems)).toBe('')
    const runs = await Promise.all(scenarios.map((scenario) => runScenario(plan!, scenario)))
    expect(runs.flatMap(({ mismatches }) => mismatches)).toEqual([])
    expect(coverageOf(plan!, runs).gaps).toEqual([])
  })
})

const connections: Record<string, ConnectionKind> = {
  'shop-db': 'postgres',
  'shop-queue': 'bullmq',
  'shop-logs': 'logs',
  'shop-ctl': 'process',
  gateway: 'http',
}

describe('each recipe of the cookbook compiles without problems', () => {
  const recipes = snippets(page('cookbook.md'))

  test('there are ten', () => {
    const numbers = recipes.map(({ heading }) => Number.parseInt(heading, 10))
    expect([...new Set(numbers)]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  })

  const compileRecipe = (text: string) =>
    compileRunbook(completeRecipe(text), { file: 'recipe.yaml', connections, channels: ['oncall'] })

  test.each(recipes.map(({ heading, text }) => [heading, text]))('%s', (_, text) => {
    expect(renderText(compileRecipe(text).problems)).toBe('')
  })

  const batches = recipes.find(({ heading }) => heading.startsWith('6.'))!.text
  const withStep = (once: string) =>
    batches.replace('    do:\n', `    do:\n      - { action: manual, ${once}with: { instructions: Tell the shop } }\n`)

  test('a manual step fits into the remedy with many targets', () => {
    expect(renderText(compileRecipe(withStep('once: true, ')).problems)).toBe('')
  })

  test('a manual step for each of many targets is refused, and the message says what to write', () => {
    const [problem] = compileRecipe(withStep('')).problems
    expect(problem?.message).toContain('The manual step of retry-later is done for each target: write "once: true"')
  })
})
