import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { coverageOf } from '../../../../src/interpreter/scenarios/coverage.ts'
import { runScenario, type ScenarioRun } from '../../../../src/interpreter/scenarios/run-scenario.ts'
import { compileRunbook } from '../../../../src/language/compile.ts'
import { renderText } from '../../../../src/language/problems.ts'
import { compileScenarios } from '../../../../src/language/scenarios/compile-scenarios.ts'

const read = (path: string) => readFileSync(new URL(`../../../fixtures/${path}`, import.meta.url), 'utf8')
const runbook = read('runbooks/valid/minimal.yaml')
const valid = read('scenarios/valid.yaml')

/** Runs the scenarios of a file against a runbook; both may be changed by the test. */
async function runs(scenarios: string, against = runbook): Promise<ScenarioRun[]> {
  const plan = compileRunbook(against, { file: 'minimal.yaml' }).plan!
  const compiled = compileScenarios(scenarios, 'minimal.test.yaml', plan)
  if (compiled.problems.length > 0) throw new Error(renderText(compiled.problems))
  return Promise.all(compiled.scenarios.map((scenario) => runScenario(plan, scenario)))
}

async function mismatches(scenarios: string, against = runbook) {
  return (await runs(scenarios, against)).flatMap((run) =>
    run.mismatches.map(({ what, expected, actual }) => ({ what, expected, actual })),
  )
}

const changed = (from: string, to: string, text = valid) => {
  expect(text).toContain(from)
  return text.replace(from, to)
}

test('a scenario that passes has no mismatch, and a summary of its rounds', async () => {
  const [run] = await runs(valid)
  expect(run!.mismatches).toEqual([])
  expect(run!.summary).toEqual([
    'round 1: stalled → fail-runs for run-1; run-1 applied; verified',
    'resolved: fail-runs was applied to 1 target and verified; the symptom is gone',
  ])
})

test.each([
  ['outcome: resolved', 'outcome: escalated', 'outcome', 'resolved ('],
  [
    'queue-paused: false',
    'queue-paused: true',
    'round 1, cause queue-paused',
    'does not hold (its condition is false: queue.paused)',
  ],
  ['cause: stalled', 'cause: queue-paused', 'round 1, the chosen cause', 'stalled'],
  ['targets: [run-1]\n', 'targets: [run-1, run-2]\n', 'round 1, the proposal, targets', '["run-1"]'],
  ['effects: { run-1: applied }', 'effects: { run-1: skipped }', 'round 1, effects', '{"run-1":"applied"}'],
  ['verified: true', 'verified: false', 'round 1, verified', 'true'],
  ['where: { id: run-1 }', 'where: { id: run-2 }', 'round 1, the proposal, sql.update on run-1', '"id":"run-1"'],
  ['remedy: fail-runs', 'remedy: resume-queue', 'round 1, the proposal', 'fail-runs'],
  [
    '      verified: true',
    '      verified: true\n      then: [{ verified: true }]',
    'round 2',
    'the incident had ended',
  ],
])('%s → %s is one mismatch', async (from, to, what, actual) => {
  const found = await mismatches(changed(from, to))
  expect(found).toHaveLength(1)
  expect(found[0]!.what).toBe(what)
  expect(found[0]!.actual).toContain(actual)
})

test('a check without a result in the scenario is a mismatch', async () => {
  const without = valid.replace(/ {8}fail-runs\/after:[\s\S]*?(?= {4}decisions)/, '')
  const [first] = await mismatches(without)
  expect(first).toMatchObject({ what: 'the check fail-runs/after', actual: expect.stringContaining('r1/verify/after') })
})

test('if the symptom is still present after a verified remedy, the mismatch says so', async () => {
  const [found] = await mismatches(changed('          - { from: applied, result: { rows: [] } }\n', ''))
  expect(found).toMatchObject({ what: 'outcome', expected: 'resolved' })
  expect(found!.actual).toContain(
    'after round 1 was verified, the symptom was still present. Give stuck a phase "from: applied"',
  )
})

test('approving a subset is a mismatch if a write is done once for all targets', async () => {
  const once = `      - action: sql.update
        once: true
        with: { connection: maestro-db, table: limits, where: { id: 1 }, set: { seen: true } }
`
  const two = changed(
    '- result: { rows: [{ id: run-1,',
    '- result: { rows: [{ id: run-0, job_id: job-0 }, { id: run-1,',
  )
  const found = await mismatches(
    two,
    changed('    limits: { maxTargets: 20 }\n', `${once}    limits: { maxTargets: 20 }\n`, runbook),
  )
  expect(found).toContainEqual(expect.objectContaining({ expected: 'to approve a subset of the targets' }))
  expect(await mismatches(two)).not.toContainEqual(
    expect.objectContaining({ expected: 'to approve a subset of the targets' }),
  )
})

test('approving a target that was not proposed is a mismatch', async () => {
  const found = await mismatches(changed('approve, targets: [run-1]', 'approve, targets: [run-1, run-9]'))
  expect(found[0]).toMatchObject({ expected: 'to approve run-9', actual: 'it was not proposed' })
})

test('a remedy that is verified although nothing changed after it was applied is a mismatch', async () => {
  const weak = runbook.replace("r.status == 'COMPLETED'", "r.status != 'UNKNOWN'")
  expect(weak).not.toBe(runbook)
  const [found] = await mismatches(valid, weak)
  expect(found).toMatchObject({
    what: 'round 1, fail-runs',
    expected: 'not verified when nothing changes after it was applied',
    actual: expect.stringContaining('"until" is already true with the results of after from before "from: applied"'),
  })
})

test('if "until" tests what "set" writes, the mismatch says that the write alone makes it true', async () => {
  const weak = runbook.replace("r.status == 'COMPLETED'", "(r.status == 'FAILED' || r.status == 'RUNNING')")
  const [found] = await mismatches(valid, weak)
  expect(found!.what).toBe('round 1, fail-runs')
  expect(found!.actual).toContain(
    '"until" is true because of the write alone: it tests columns that "set" writes (status == FAILED)',
  )
})

test('if the checks of a remedy never change, the mismatch asks for a phase after the write', async () => {
  const still = valid.replace(
    /( {8}fail-runs\/after:)[\s\S]*?(?= {4}decisions)/,
    '$1 { rows: [{ id: run-1, status: COMPLETED }] }\n',
  )
  const found = await mismatches(still)
  expect(found[0]!.actual).toContain('Give its checks a phase "from: applied"')
})

test('a target that changes between proposal and decision is skipped', async () => {
  const drift = changed(
    '- { from: applied, result: { rows: [] } }',
    '- { from: proposed, after: 1m, result: { rows: [] } }',
  )
  const [run] = await runs(drift)
  expect(run!.summary[0]).toBe('round 1: stalled → fail-runs for run-1; run-1 skipped')
})

test('a gate on which nobody decides expires by the simulated clock', async () => {
  const silent = changed('- { decision: approve, targets: [run-1], after: 2m }', '- timeout')
  const [run] = await runs(silent)
  expect(run!.run.closing).toMatchObject({ outcome: 'expired' })
  expect(run!.run.tookMs).toBe(2 * 15 * 60_000)
})

const stale = (times: number) => changed('result: applied, observed', `stale: ${times}, observed`)

test('when the re-check is too old, the checks of the cause run again and the action is applied', async () => {
  const [run] = await runs(stale(2))
  expect(run!.mismatches).toEqual([])
  expect(run!.run.sampledPlaces.filter((place) => place.includes('recheck') && place.endsWith('/stuck'))).toHaveLength(
    3,
  )
})

test('a target that changes after the first re-check is skipped when that re-check is too old', async () => {
  const drift = changed(
    '- { from: applied, result: { rows: [] } }',
    '- { from: stale, result: { rows: [] } }',
    stale(1),
  )
  const [run] = await runs(drift)
  expect(run!.summary).toEqual([
    'round 1: stalled → fail-runs for run-1; run-1 skipped',
    'round 2: the symptom is gone',
    'cleared: the symptom is gone. Nothing was applied',
  ])
})

test('a remedy whose re-checks stay too old stops without an effect', async () => {
  const [run] = await runs(stale(6))
  expect(run!.run.effects).toEqual([])
  expect(run!.run.closing).toMatchObject({
    outcome: 'escalated',
    reason: expect.stringContaining('Nothing was applied'),
  })
})

test('an unknown effect escalates the incident', async () => {
  const unknown = changed('result: applied, observed: { rows: 1 }', 'result: unknown')
  expect((await runs(unknown))[0]!.run.closing.outcome).toBe('escalated')
})

test('a message is sent, not applied', async () => {
  const telling = runbook.replace(
    '    do:\n      - action: sql.update\n',
    `    do:\n      - action: notify\n        once: true\n        with: { channel: oncall, message: Runs are marked }\n      - action: sql.update\n`,
  )
  const [run] = await runs(changed('effects: { run-1: applied }', 'effects: { "-": applied, run-1: applied }'), telling)
  expect(run!.mismatches).toEqual([])
  expect(run!.summary[0]).toBe('round 1: stalled → fail-runs for run-1; message sent; run-1 applied; verified')
})

test('what a person does is not called applied or verified, and is not counted as verified', async () => {
  const at = runbook.indexOf('  fail-runs:')
  const byHand = `  fail-runs:
    title: Mark the runs FAILED
    do:
      - action: manual
        with: { instructions: Mark the runs FAILED }
`
  const manual = `${runbook.slice(0, at)}${byHand}${runbook.slice(runbook.indexOf('escalate:', at))}`
  const scenarios = `version: 1
given: { checks: { queue: {}, stuck: { rows: [{ id: run-1, attempt: 1 }] } } }
scenarios:
  - scenario: The runs are still stuck
    expect: { outcome: resolved }
  - scenario: The runs are marked
    given:
      checks:
        stuck: [{ result: { rows: [{ id: run-1, attempt: 1 }] } }, { from: applied, result: { rows: [] } }]
    expect: { outcome: resolved }
`
  const all = await runs(scenarios, manual)
  expect(all[1]!.summary[0]).toBe('round 1: stalled → fail-runs for -; done by a person; no verification')
  expect(all[0]!.mismatches[0]!.actual).toContain('after round 1 ended, the symptom was still present')
  expect(all[0]!.summary.at(-1)).toContain(
    'What was done: 10 times: fail-runs was reported as done (it has no verification)',
  )
  expect(all[1]!.mismatches).toEqual([])
  const plan = compileRunbook(manual, { file: 'minimal.yaml' }).plan!
  expect(coverageOf(plan, all).remedies.find(({ remedy }) => remedy === 'fail-runs')).toMatchObject({
    proposed: 1,
    verified: 0,
  })
})

test('an effect whose result does not meet "expect" counts as refused', async () => {
  const expecting = runbook.replace(
    '      - action: sql.update\n',
    '      - action: sql.update\n        expect: result.rows == 1\n',
  )
  expect(await mismatches(valid, expecting)).toEqual([])
  const [run] = await runs(changed('observed: { rows: 1 }', 'observed: { rows: 2 }'), expecting)
  expect(run!.summary[0]).toContain('run-1 refused')
})

test('coverage names the causes and remedies that no scenario reaches, and remedies without an unrecovered write', async () => {
  const plan = compileRunbook(runbook, { file: 'minimal.yaml' }).plan!
  const { gaps, causes } = coverageOf(plan, await runs(valid))
  expect(gaps).toEqual([
    'no scenario reaches the cause queue-paused',
    'no scenario reaches the remedy resume-queue',
    'no scenario expects "verified: false" for fail-runs when the write succeeds and nothing recovers',
  ])
  expect(causes).toContainEqual({ cause: 'stalled', holds: 1, ruledOut: 0, undetermined: 0 })
})
