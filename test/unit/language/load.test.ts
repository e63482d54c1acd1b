import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadRunbooks } from '../../../src/language/load.ts'

const minimal = readFileSync(new URL('../../fixtures/runbooks/valid/minimal.yaml', import.meta.url), 'utf8')
let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'runbooks-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

const write = (name: string, text: string) => writeFileSync(join(folder, name), text)
const named = (runbook: string, incident: string) =>
  minimal.replace('runbook: stuck-runs', `runbook: ${runbook}`).replace('incident: stuck-run', `incident: ${incident}`)
const rules = () => loadRunbooks([folder]).problems.map((problem) => problem.rule)

test('a folder has its runbooks by name and by incident type, without scenario files', () => {
  write('a.yaml', named('a', 'one'))
  mkdirSync(join(folder, 'more'))
  write('more/b.yml', named('b', 'two'))
  write('a.test.yaml', 'not: a runbook')
  write('notes.md', 'nothing')
  const catalogue = loadRunbooks([folder])
  expect(catalogue.problems).toEqual([])
  expect([...catalogue.byName.keys()]).toEqual(['a', 'b'])
  expect(catalogue.byIncident.get('two')!.plan.name).toBe('b')
  expect(catalogue.files).toBe(2)
})

test('a runbook with errors is omitted, and the others are loaded', () => {
  write('a.yaml', named('a', 'one'))
  write('b.yaml', named('b', 'two').replace('symptom:', 'symtom:'))
  const catalogue = loadRunbooks([folder])
  expect([...catalogue.byName.keys()]).toEqual(['a'])
  expect(catalogue.problems).toMatchObject([{ rule: 'unknown-field', line: 9 }])
})

test('two runbooks with the same name, or for the same incident type, are refused', () => {
  write('a.yaml', named('a', 'one'))
  write('b.yaml', named('a', 'two'))
  write('c.yaml', named('c', 'one'))
  expect(rules()).toEqual(['duplicate-runbook', 'duplicate-incident'])
})

test('a handoff must name a known incident type, and its inputs', () => {
  const handoff = (incident: string, inputs: string) =>
    named('a', 'one').replace(
      'escalate: {',
      `otherwise: { handoff: { incident: ${incident}, inputs: ${inputs} } }\nescalate: {`,
    )
  write('b.yaml', named('b', 'two').replace('run: { type: string, optional: true }', 'run: { type: string }'))
  write('a.yaml', handoff('two', '{ run: x }'))
  expect(rules()).toEqual([])
  write('a.yaml', handoff('tow', '{ run: x }'))
  expect(rules()).toEqual(['unknown-incident'])
  write('a.yaml', handoff('two', '{ run: x, rnu: y }'))
  expect(rules()).toEqual(['unknown-input'])
  write('a.yaml', handoff('two', '{ threshold: 5m }'))
  expect(rules()).toEqual(['missing-input'])
})
