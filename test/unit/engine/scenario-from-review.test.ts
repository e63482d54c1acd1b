import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { scenarioFrom } from '../../../src/engine/scenario-from-review.ts'
import type { EvidenceView, Review } from '../../../src/engine/views/view-types.ts'
import { parseYaml } from '../../../src/language/parse/parse-yaml.ts'
import { atItsGate, resolved } from '../cli/incident-views.ts'

const found = (place: string, name: string, body: EvidenceView['body'], more = {}): EvidenceView => ({
  place,
  name,
  kind: 'sql.query',
  status: 'ok',
  ref: 'a'.repeat(64),
  parameters: {},
  body,
  truncated: false,
  at: '2026-03-14T03:10:40.000Z',
  durationMs: 1,
  ...more,
})

const review = (incident: Review['incident'], evidence: EvidenceView[]): Review => ({
  incident,
  timeline: [],
  evidence,
  notes: [],
  timeToAcknowledgeMs: null,
  timeToResolveMs: null,
  chainFaults: [],
})

interface File {
  scenarios: { given: { inputs: object; checks: Record<string, unknown> }; decisions: unknown; expect: object }[]
}

function scenarioOf(text: string): File['scenarios'][number] {
  return (parse(text) as File).scenarios[0]!
}

test('a changed result begins a new phase of the check, in the stage that took it', () => {
  const rows = (...ids: string[]) => ({ result: { rows: ids.map((id) => ({ id })) } })
  const evidence = [
    found('r1/check/stuck', 'stuck', rows('a', 'b')),
    found('r1/check/logs', 'logs', { error: 'no answer within 5s' }, { status: 'timeout' }),
    found('r1/recheck1/stuck', 'stuck', rows('a', 'b')),
    found('r1/verify/after', 'after', rows('a'), { truncated: true }),
    found('r1/after/stuck', 'stuck', rows('b')),
    found('r2/check/stuck', 'stuck', rows('b')),
    found('r2/after/stuck', 'stuck', rows()),
  ]
  const { given, decisions, expect: expected } = scenarioOf(scenarioFrom(review(resolved(), evidence)))
  expect(given).toEqual({
    inputs: { threshold: '1h' },
    checks: {
      stuck: [rows('a', 'b'), { from: 'applied', round: 1, ...rows('b') }, { from: 'applied', round: 2, ...rows() }],
      logs: [{ failed: 'no answer within 5s' }],
      after: [{ from: 'applied', round: 1, result: { rows: [{ id: 'a' }], truncated: true } }],
    },
  })
  expect(decisions).toEqual([
    { decision: 'approve', after: '130s' },
    { decision: 'approve', after: '130s' },
  ])
  expect(expected).toMatchObject({
    outcome: 'resolved',
    rounds: 2,
    cause: 'stalled-nobody-checks',
    then: [{ effects: { 'run-7': 'applied', 'run-8': 'applied', 'run-9': 'skipped' }, verified: true }],
  })
})

test('invisible and bidi characters in the evidence are escaped, and parse to the original text', () => {
  const hostile = { 'k\u202e': 'a\u202eb\u200b', multi: 'one\n# two\u0007\u2066', plain: '- "it": #1' }
  const text = scenarioFrom(review(resolved(), [found('r1/check/stuck', 'stuck', { result: hostile })]))
  expect(parseYaml(text, 'a.test.yaml').reporter.problems).toEqual([])
  expect(scenarioOf(text).given.checks).toEqual({ stuck: hostile })
})

test('the scenario of an open incident marks what a person must fill in', () => {
  const text = scenarioFrom(review(atItsGate(), []))
  expect(text).toContain('It was still open: fill in the expected outcome.')
  expect(text).toContain('Gate INC-142.r1 is open, which scenarios do not support')
})
