import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeApi } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'
import { atItsGate, resolved } from './incident-views.ts'

const fixtures = new URL('../../fixtures/', import.meta.url)

function folderWith(change: (text: string) => string = (text) => text): string {
  const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
  copyFileSync(new URL('runbooks/valid/minimal.yaml', fixtures), join(folder, 'minimal.yaml'))
  const scenarios = readFileSync(new URL('scenarios/valid.yaml', fixtures), 'utf8')
  writeFileSync(join(folder, 'minimal.test.yaml'), change(scenarios))
  return folder
}

test('passing scenarios exit with 0; a cause that none reaches is a warning', async () => {
  const terminal = fakeTerminal()
  expect(await main(['test', folderWith()], terminal)).toBe(0)
  expect(terminal.out).toMatch(/^✓ .*minimal\.test\.yaml {2}1 scenario\n$/)
  expect(terminal.err).toContain('no scenario reaches the cause queue-paused')
  expect(terminal.err).toContain('1 scenario of 1 runbook, all passed')
})

test('with --coverage, a gap is a failure', async () => {
  const terminal = fakeTerminal()
  expect(await main(['test', folderWith(), '--coverage'], terminal)).toBe(1)
  expect(terminal.out).toContain('! cause   queue-paused  holds 0')
})

test('a failure shows expected and actual value, the round, and what happened', async () => {
  const terminal = fakeTerminal()
  const folder = folderWith((text) => text.replace('verified: true', 'verified: false'))
  expect(await main(['test', join(folder, 'minimal.test.yaml')], terminal)).toBe(1)
  expect(terminal.out).toMatch(
    /✗ The runs are failed and complete .*minimal\.test\.yaml:\d+:\d+\n {4}round 1, verified/,
  )
  expect(terminal.out).toMatch(/expected: false\n {6}actual: {3}true\n/)
  expect(terminal.out).toContain('round 1: stalled → fail-runs for run-1; run-1 applied; verified')
})

test('a scenario that does not fit its runbook is reported with its position', async () => {
  const terminal = fakeTerminal()
  const folder = folderWith((text) => text.replace('status: COMPLETED', 'state: COMPLETED'))
  expect(await main(['test', folder], terminal)).toBe(1)
  expect(terminal.out).toMatch(
    /minimal\.test\.yaml:\d+:\d+ error The result has no "fail-runs\/after\.rows\[\]\.state"/,
  )
})

test('missing fields of a result are reported with an example, and nothing else is reported for that file', async () => {
  const terminal = fakeTerminal()
  const folder = folderWith((text) => text.replace('    stuck: { attempt: 1 }', '    stuck: { job_id: job-1 }'))
  expect(await main(['test', folder], terminal)).toBe(1)
  expect(terminal.out).toContain('such as "rows: { stuck: { attempt: 0 } }"')
  expect(terminal.out).not.toContain('✓')
  expect(terminal.err).toBe('0 scenarios of 0 runbooks, none run, 1 problem\n')
})

test('a runbook without scenarios is a warning, and -o json prints all results', async () => {
  const terminal = fakeTerminal()
  const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
  copyFileSync(new URL('runbooks/valid/minimal.yaml', fixtures), join(folder, 'minimal.yaml'))
  expect(await main(['test', folder, '-o', 'json'], terminal)).toBe(0)
  expect(JSON.parse(terminal.out)).toMatchObject({ problems: [], runbooks: [{ runbook: 'stuck-runs', scenarios: [] }] })
  expect(terminal.err).toContain('has no scenarios')
})

describe('--from', () => {
  const evidence = (name: string, result: object) => ({
    place: `r1/check/${name}`,
    name,
    kind: 'sql.query',
    status: 'ok',
    ref: 'a',
    parameters: {},
    body: { result },
    truncated: false,
    at: '2026-03-14T03:10:40.000Z',
    durationMs: 1,
  })
  const queue = {
    exists: true,
    paused: false,
    waiting: 0,
    prioritized: 0,
    active: 1,
    delayed: 0,
    failed: 0,
    completed: 0,
  }
  const checks = [
    evidence('stuck', { rows: [] }),
    evidence('queue', { ...queue, waitingChildren: 0, workers: 1, workerNames: [] }),
  ]
  const round = { ...resolved().rounds[0]!, causes: [], gate: null }
  const incident = { ...resolved(), outcome: 'cleared', reason: 'the symptom is not present', rounds: [round] }

  async function from(review: object, ...argv: string[]) {
    const { url } = await fakeApi({
      'GET /v1/incidents/INC-142/review.json': () => ({ timeline: [], notes: [], chainFaults: [], ...review }),
    })
    const terminal = fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 't' } })
    const code = await main(['test', '--from', '142', ...argv], terminal)
    return { code, out: terminal.out, err: terminal.err }
  }

  test('prints a scenario of an incident, and says whether it passes', async () => {
    const { code, out, err } = await from({ incident, evidence: checks }, folderWith())
    expect(err).toBe('the scenario passes.\n')
    expect(code).toBe(0)
    expect(out).toMatch(/^# yaml-language-server.*\n# From INC-142 of 2026-03-14, runbook stuck-runs/)
    expect(out).toContain('outcome: cleared')
  })

  test('with --append adds the scenario to the others, which then pass together', async () => {
    const folder = folderWith((text) => `${text}# the end\n`)
    const { code, out, err } = await from({ incident, evidence: checks }, '--append', folder)
    expect(err).toMatch(/^Added to .*minimal\.test\.yaml: the scenario passes\.\n$/)
    expect({ code, out }).toEqual({ code: 0, out: '' })
    const terminal = fakeTerminal()
    expect(await main(['test', folder], terminal)).toBe(0)
    expect(terminal.err).toContain('2 scenarios of 1 runbook, all passed')
    expect(readFileSync(join(folder, 'minimal.test.yaml'), 'utf8')).toContain('# the end')
  })

  test('accepts a runbook that is weaker than the policy, as the engine does', async () => {
    const folder = folderWith()
    writeFileSync(
      join(folder, 'runbook.config.yaml'),
      `database: \${RUNBOOK_DATABASE_URL}
connections:
  maestro-db: { kind: postgres, read: "\${R}", write: "\${W}" }
  maestro-queue: { kind: bullmq, read: "\${Q}", write: "\${V}", queue: jobs }
people:
  a: { groups: [oncall] }
channels: { platform-support: { slack: "\${S}" } }
policy:
  - { name: two people, match: { kind: [sql.*] }, count: 2 }
`,
    )
    const lint = fakeTerminal()
    expect(await main(['lint', folder], lint)).toBe(1)
    expect(lint.out).toContain('[weaker-than-policy]')
    const terminal = fakeTerminal()
    expect(await main(['test', folder], terminal)).toBe(0)
    expect(terminal.err).toContain('1 scenario of 1 runbook, all passed')
    expect((await from({ incident, evidence: checks }, folder)).err).toBe('the scenario passes.\n')
  })

  test('with --append writes a new file if the runbook has no scenarios', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'runbook-test-'))
    copyFileSync(new URL('runbooks/valid/minimal.yaml', fixtures), join(folder, 'minimal.yaml'))
    expect(await from({ incident, evidence: checks }, '--append', folder)).toMatchObject({
      code: 0,
      err: expect.stringMatching(/^Wrote .*minimal\.test\.yaml: the scenario passes\.\n$/),
    })
  })

  test('says what differs if the runbook as it is now does something else', async () => {
    const expired = { ...incident, outcome: 'expired' }
    const { code, err } = await from({ incident: expired, evidence: checks }, folderWith())
    expect(code).toBe(1)
    expect(err).toMatch(/outcome .*\n +expected: expired\n +actual: +cleared/)
    expect(err).toContain('does not pass. The runbook has changed since INC-142')
  })

  test('with --append changes nothing if the scenario does not fit the runbook', async () => {
    const folder = folderWith()
    const before = readFileSync(join(folder, 'minimal.test.yaml'), 'utf8')
    const { code, err } = await from({ incident, evidence: [evidence('gone', { rows: [] })] }, '--append', folder)
    expect(code).toBe(1)
    expect(err).toContain('There is no check "gone" in this runbook')
    expect(err).toContain('Nothing was added to')
    expect(readFileSync(join(folder, 'minimal.test.yaml'), 'utf8')).toBe(before)
  })

  test('refuses an open incident', async () => {
    const { code, out, err } = await from({ incident: atItsGate(), evidence: [] }, folderWith())
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain('INC-142 is still open (deciding)')
  })
})

test('--append without --from is refused', async () => {
  const terminal = fakeTerminal()
  expect(await main(['test', '--append', folderWith()], terminal)).toBe(2)
  expect(terminal.err).toContain('use --append together with --from')
})
