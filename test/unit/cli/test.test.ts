import { copyFileSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeApi } from './fake-api.ts'
import { fakeTerminal } from './fake-terminal.ts'
import { resolved } from './incident-views.ts'

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
  const folder = folderWith((text) => text.replace(/^ {6}(waiting: 0|workerNames: .*)\n/gm, ''))
  expect(await main(['test', folder], terminal)).toBe(1)
  expect(terminal.out).toContain('such as "checks: { queue: { waiting: 0, workerNames: [] } }"')
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

test('--from prints a scenario made from the review of an incident', async () => {
  const review = { incident: resolved(), evidence: [], timeline: [], notes: [], chainFaults: [] }
  const { url } = await fakeApi({ 'GET /v1/incidents/INC-142/review.json': () => review })
  const terminal = fakeTerminal({ env: { RUNBOOK_URL: url, RUNBOOK_TOKEN: 't' } })
  expect(await main(['test', '--from', '142'], terminal)).toBe(0)
  expect(terminal.out).toMatch(/^# yaml-language-server.*\n# From INC-142 of 2026-03-14, runbook stuck-runs/)
  expect(terminal.out).toContain('outcome: resolved')
})
