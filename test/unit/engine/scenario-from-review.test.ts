import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import type { JsonObject } from '../../../src/core/json.ts'
import { appendScenario, scenarioFrom } from '../../../src/engine/scenarios/scenario-from-review.ts'
import type { EvidenceView, Review, TimelineEntry } from '../../../src/engine/views/view-types.ts'
import { compileRunbook } from '../../../src/language/compile.ts'
import { parseYaml } from '../../../src/language/parse/parse-yaml.ts'
import { compileScenarios } from '../../../src/language/scenarios/compile-scenarios.ts'
import { atItsGate, resolved, roundAtGate } from '../cli/incident-views.ts'

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

const review = (incident: Review['incident'], evidence: EvidenceView[], timeline: TimelineEntry[] = []): Review => ({
  incident,
  timeline,
  evidence,
  notes: [],
  timeToAcknowledgeMs: null,
  timeToResolveMs: null,
  chainFaults: [],
  deviations: [],
  followUps: [],
  feedback: [],
  recurrences: [],
})

const event = (kind: string, place: string, data: JsonObject): TimelineEntry => ({
  seq: 1,
  at: '2026-03-14T03:10:40.000Z',
  actor: 'engine',
  kind,
  place,
  text: '',
  data,
})

interface File {
  scenarios: {
    scenario: string
    given: { inputs: object; checks: Record<string, unknown> }
    decisions: unknown
    expect: object
  }[]
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
    found('r1/recheck2/stuck', 'stuck', rows('c')),
    found('r1/verify/after', 'after', rows('a'), { truncated: true }),
    found('r1/after/stuck', 'stuck', rows('b')),
    found('r2/check/stuck', 'stuck', rows('b')),
    found('r2/after/stuck', 'stuck', rows()),
  ]
  const recheck = (number: number, skipped: object) =>
    event('recheck', `r1/recheck${number}`, { skipped, targets: [] } as unknown as JsonObject)
  const effect = (round: number, target: string) =>
    event('effect', `r${round}/effect/0-sql.update/${target}`, { action: '0-sql.update', target, result: 'applied' })
  const timeline = [
    recheck(1, {}),
    effect(1, 'run-7'),
    recheck(2, {}),
    event('recheck', 'r2/recheck1', { skipped: { 'run-9': 'no longer affected' }, targets: [] }),
    effect(2, 'run-7'),
    effect(2, 'run-8'),
    event('verified', 'r2/verify/verdict', { held: true }),
  ]
  const { given, decisions, expect: expected } = scenarioOf(scenarioFrom(review(resolved(), evidence, timeline)))
  expect(given).toEqual({
    inputs: { threshold: '1h' },
    checks: {
      stuck: [rows('a', 'b'), { from: 'applied', round: 1, ...rows('b') }, { from: 'applied', round: 2, ...rows() }],
      logs: [{ failed: 'no answer within 5s' }],
      'fail-stalled-runs/after': [{ from: 'verifying', round: 1, result: { rows: [{ id: 'a' }], truncated: true } }],
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

describe('fields that a scenario need not give', () => {
  const plan = compileRunbook(
    readFileSync(new URL('../../fixtures/runbooks/valid/minimal.yaml', import.meta.url), 'utf8'),
    { file: 'minimal.yaml' },
  ).plan!
  const idle = {
    ...{ exists: true, paused: false, waiting: 0, prioritized: 0, active: 0, delayed: 0, failed: 0, completed: 0 },
    ...{ waitingChildren: 0, workers: 1, workersUnknown: false, workerNames: ['worker-1'], oldestWaitingMs: null },
    ...{ oldestWaitingJob: null, oldestActiveMs: null, oldestActiveJob: null, stalledChecker: null, truncated: false },
  }
  const stuck = { rows: [{ id: 'run-1', attempt: 1, job_id: null }], truncated: false }
  const paused = { ...idle, paused: true, waiting: 7, workers: 2, workerNames: ['a', 'b'] }
  const evidence = [
    found('r1/check/stuck', 'stuck', { result: stuck }),
    found('r1/check/queue', 'queue', { result: paused }),
    found('r1/recheck1/queue', 'queue', { result: idle }),
  ]
  const closed = { ...resolved(), rounds: [{ ...roundAtGate(), causes: [], gate: null }] }
  const recheck = event('recheck', 'r1/recheck1', { skipped: {}, targets: [] } as unknown as JsonObject)
  const recorded = review({ ...closed, inputs: {} }, evidence, [recheck])
  /** The results that the scenario runner reads from the last scenario of a file. */
  const readBack = (text: string) => {
    const { scenarios, problems } = compileScenarios(text, 'minimal.test.yaml', plan)
    expect(problems).toEqual([])
    const { checks } = scenarios.at(-1)!
    return Object.fromEntries([...checks].map(([name, phases]) => [name, phases.map(({ result }) => result)]))
  }
  const everything = { stuck: [stuck], queue: [expect.objectContaining(paused), expect.objectContaining(idle)] }

  test('are left out, and the scenario is read back with the recorded results', () => {
    const text = scenarioFrom(recorded, plan)
    expect(scenarioOf(text).given.checks).toEqual({
      stuck: { rows: [{ id: 'run-1', attempt: 1 }] },
      queue: [
        { result: { paused: true, waiting: 7, workerNames: ['a', 'b'] } },
        { from: 'proposed', round: 1, result: {} },
      ],
    })
    expect(text).toContain('- { id: run-1, attempt: 1 }')
    expect(readBack(text)).toEqual(everything)
  })

  test('are kept where the file gives another value for all its scenarios', () => {
    const file = `version: 1
given:
  rows: { stuck: { attempt: 1, job_id: job-9 } }
  checks: { queue: { waiting: 3, workers: 4 } }
scenarios:
  - scenario: One
    expect: { outcome: cleared }
`
    const text = appendScenario(file, 'minimal.test.yaml', recorded, plan)
    const { scenarios } = parse(text) as File
    expect(scenarios[1]!.given.checks).toEqual({
      stuck: { rows: [{ id: 'run-1', job_id: null }] },
      queue: [
        { result: { paused: true, waiting: 7, workers: 2, workerNames: ['a', 'b'] } },
        { from: 'proposed', round: 1, result: { waiting: 0, workers: 1 } },
      ],
    })
  })

  test('are kept without a plan, which would tell what may be left out', () => {
    expect(scenarioOf(scenarioFrom(recorded)).given.checks).toMatchObject({ stuck })
  })
})

test('a long title ends after a whole word', () => {
  const reason = 'fail-stalled-runs was applied to 2 targets and verified; '.repeat(4)
  const { scenario } = scenarioOf(scenarioFrom(review({ ...resolved(), reason }, [])))
  expect(scenario).toBe(
    'INC-142: fail-stalled-runs was applied to 2 targets and verified; fail-stalled-runs was applied to 2 targets and…',
  )
})

test('invisible and bidi characters in the evidence are escaped, and parse to the original text', () => {
  const hostile = { 'k\u202e': 'a\u202eb\u200b', multi: 'one\n# two\u0007\u2066', plain: '- "it": #1' }
  const text = scenarioFrom(review(resolved(), [found('r1/check/stuck', 'stuck', { result: hostile })]))
  expect(parseYaml(text, 'a.test.yaml').reporter.problems).toEqual([])
  expect(scenarioOf(text).given.checks).toEqual({ stuck: hostile })
})

describe('an incident that a scenario cannot express is refused:', () => {
  const end = (outcome: 'failed' | 'cancelled') => ({ ...resolved(), outcome })
  test.each<[string, Review['incident'], string]>([
    ['an open one', atItsGate(), 'INC-142 is still open (deciding)'],
    [
      'an undo',
      { ...resolved(), type: 'undo', key: 'undo/INC-141', parent: 'INC-141' },
      'undoes the effects of another incident',
    ],
    ['one that the engine could not finish', end('failed'), 'ended with an error of the engine'],
    [
      'one that was cancelled while its remedy was applied',
      end('cancelled'),
      'was cancelled while no decision was awaited',
    ],
  ])('%s', (_, incident, message) => {
    expect(() => scenarioFrom(review(incident, []))).toThrow(message)
  })
})

describe('a scenario that is added to a file', () => {
  const FILE = `# Scenarios of the shop.
version: 1
scenarios:
  - scenario: One # the first
    # about the outcome
    expect: { outcome: cleared }

# The end of the list.
given: { rows: { stuck: { attempt: 1 } } } # for all
`
  const closed = review({ ...resolved(), rounds: [], outcome: 'cleared', reason: 'the symptom is gone' }, [])

  test('follows the others, and every other line stays as it is', () => {
    const text = appendScenario(FILE, 'a.test.yaml', closed)
    const added = text.split('\n').filter((line) => !FILE.split('\n').includes(line))
    expect(added[0]).toBe('  - scenario: "INC-142: the symptom is gone"')
    expect(text.split('\n').filter((line) => FILE.split('\n').includes(line) && line !== '')).toEqual(
      FILE.split('\n').filter((line) => line !== ''),
    )
    expect(parse(text)).toMatchObject({
      given: { rows: { stuck: { attempt: 1 } } },
      scenarios: [{ scenario: 'One' }, { scenario: 'INC-142: the symptom is gone', expect: { outcome: 'cleared' } }],
    })
  })

  test('keeps a block of text at the end of the list as it is', () => {
    const file = `version: 1\nscenarios:\n- scenario: One\n  expect:\n    outcome: cleared\n    reason: |-\n      two\n      lines`
    const { scenarios } = parse(appendScenario(file, 'a.test.yaml', closed)) as { scenarios: object[] }
    expect(scenarios).toMatchObject([
      { expect: { reason: 'two\nlines' } },
      { scenario: expect.stringContaining('INC-142') },
    ])
  })

  test.each([
    [
      'of the same incident a second time',
      () => appendScenario(FILE, 'a.test.yaml', closed),
      'already has a scenario of INC-142',
    ],
    ['to a list in brackets', () => 'version: 1\nscenarios: [{ scenario: One }]\n', 'in brackets'],
    ['to a file without scenarios', () => 'version: 1\n', 'has no list "scenarios"'],
    [
      'to a list that ends with a text with empty lines',
      () => `scenarios:\n  - scenario: |+\n      a\n\n\n`,
      'cannot be added',
    ],
  ])('is refused %s', (_, file, message) => {
    expect(() => appendScenario(file(), 'a.test.yaml', closed)).toThrow(message)
  })
})
