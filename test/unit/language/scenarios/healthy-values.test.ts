import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../../../src/core/json.ts'
import { compileRunbook } from '../../../../src/language/compile.ts'
import { CHECKS, kindNamed } from '../../../../src/language/kinds/table.ts'
import { Reporter, renderText } from '../../../../src/language/problems.ts'
import { Source } from '../../../../src/language/parse/source.ts'
import { parseYaml } from '../../../../src/language/parse/parse-yaml.ts'
import type { MapTree } from '../../../../src/language/parse/tree.ts'
import { compileScenarios } from '../../../../src/language/scenarios/compile-scenarios.ts'
import { complete, readResult } from '../../../../src/language/scenarios/read-result.ts'

const fixtures = new URL('../../../fixtures/', import.meta.url)
const plan = compileRunbook(readFileSync(new URL('runbooks/valid/minimal.yaml', fixtures), 'utf8'), { file: 'a' }).plan!

/** The result that a scenario gives, completed, and what is missing. */
function completed(kind: string, given: JsonObject): { result: JsonObject; missing: string[] } {
  const { healthy, result } = kindNamed(kind)!
  const { result: full, missing } = complete(given, result({ columns: { id: 'string' } }), undefined, healthy)
  return { result: full, missing: missing.map(({ path, name }) => `${path}${name}`) }
}

describe('a check without any given field has the values of a healthy system', () => {
  test.each(CHECKS.map(({ name }) => name))('%s', (name) => {
    const { result, missing } = completed(name, {})
    expect(missing).toEqual([])
    const type = kindNamed(name)!.result({ columns: { id: 'string' } })
    const reporter = new Reporter(new Source('a.yaml', ''))
    const { tree } = parseYaml(JSON.stringify(result), 'a.yaml')
    readResult(reporter, tree as MapTree, type, name)
    expect(renderText(reporter.problems)).toBe('')
  })
})

describe('the other fields follow from those that are given:', () => {
  test.each<[string, JsonObject, JsonObject]>([
    [
      'bullmq.queue',
      { paused: true },
      { paused: true, exists: true, waiting: 0, workers: 1, workerNames: ['worker-1'] },
    ],
    ['bullmq.queue', { workers: 0 }, { workers: 0, workerNames: [] }],
    ['bullmq.queue', { workerNames: ['a', 'b'] }, { workers: 2, workerNames: ['a', 'b'] }],
    ['bullmq.queue', { exists: false }, { exists: false, workers: 0, workerNames: [] }],
    ['http.get', {}, { reachable: true, ok: true, status: 200 }],
    ['http.get', { reachable: false }, { reachable: false, ok: false, status: null }],
    ['http.get', { ok: false }, { reachable: true, ok: false, status: null }],
    ['http.get', { status: 503 }, { reachable: true, ok: false, status: 503 }],
    ['logs.search', { rows: [{ time: 't' }, { time: 't' }] }, { count: 2 }],
  ])('%s %j', (kind, given, wanted) => {
    expect(completed(kind, given)).toMatchObject({ result: wanted, missing: [] })
  })

  test('an active job has a lock, and another has none', () => {
    const rows = [{ id: 'a', state: 'active' }, { id: 'b', lock: 'missing' }, { id: 'c' }]
    expect(completed('bullmq.jobs', { rows })).toMatchObject({
      result: { rows: [{ lock: 'held' }, { state: 'waiting', lock: 'missing' }, { state: 'waiting', lock: 'none' }] },
      missing: [],
    })
  })
})

describe('what does not follow from the given fields must be given:', () => {
  test.each<[string, JsonObject, string[]]>([
    ['metrics.scrape', { reachable: false }, ['missing']],
    ['bullmq.failures', { rows: [{ reason: 'r', example: 'e', count: 2, newestMs: 1, oldestMs: 2 }] }, ['total']],
    ['bullmq.queue', { workers: 1_000_000_000 }, ['workerNames']],
    ['sql.query', { rows: [{}] }, ['rows[].id']],
  ])('%s %j', (kind, given, missing) => {
    expect(completed(kind, given).missing).toEqual(missing)
  })
})

test('a scenario needs only what differs, and given fields of the file come before healthy values', () => {
  const text = `version: 1
given: { checks: { stuck: {}, queue: { completed: 7 } } }
scenarios:
  - scenario: The queue is paused
    given: { checks: { queue: { paused: true }, resume-queue/after: {} } }
    expect: { outcome: cleared }
`
  const { scenarios, problems } = compileScenarios(text, 'minimal.test.yaml', plan)
  expect(renderText(problems)).toBe('')
  const results = Object.fromEntries([...scenarios[0]!.checks].map(([name, [phase]]) => [name, phase!.result]))
  expect(results).toMatchObject({
    stuck: { rows: [], truncated: false },
    queue: { paused: true, completed: 7, waiting: 0, workers: 1 },
    'resume-queue/after': { paused: false, workers: 1 },
  })
})
