import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './fake-terminal.ts'

const emptyFolder = () => mkdtempSync(join(tmpdir(), 'runbook-init-'))
const filesIn = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .toSorted()

const FILES = [
  '.env.example',
  '.github/workflows/runbooks.yaml',
  '.gitignore',
  '.vscode/settings.json',
  'runbook.config.yaml',
  'runbooks/queue-stopped.test.yaml',
  'runbooks/queue-stopped.yaml',
  'schema/configuration.json',
  'schema/runbook.json',
  'schema/scenarios.json',
]

test('in an empty folder it writes a project whose runbook has no findings and whose scenarios pass', async () => {
  const cwd = emptyFolder()
  const terminal = fakeTerminal({ cwd })
  expect(await main(['init'], terminal)).toBe(0)
  expect(filesIn(cwd)).toEqual(FILES)
  expect(terminal.asked).toEqual([])

  const linted = fakeTerminal({ cwd })
  expect([await main(['lint', join(cwd, 'runbooks')], linted), linted.out]).toEqual([0, ''])
  const tested = fakeTerminal({ cwd })
  expect(await main(['test', join(cwd, 'runbooks'), '--coverage'], tested), tested.out + tested.err).toBe(0)
  expect(tested.err).toContain('5 scenarios of 1 runbook, all passed')
})

test('every variable that its configuration refers to is in its example of an environment file', async () => {
  const cwd = emptyFolder()
  await main(['init'], fakeTerminal({ cwd }))
  const example = readFileSync(join(cwd, '.env.example'), 'utf8')
  const config = readFileSync(join(cwd, 'runbook.config.yaml'), 'utf8').replace(/#.*$/gm, '')
  const names = [...config.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name)
  expect(names.length).toBeGreaterThan(3)
  for (const name of names) expect(example).toMatch(new RegExp(`^${name}=`, 'm'))
})

test('files that exist are kept, and named', async () => {
  const cwd = emptyFolder()
  mkdirSync(join(cwd, 'runbooks'))
  writeFileSync(join(cwd, 'runbooks', 'queue-stopped.yaml'), 'mine')
  const terminal = fakeTerminal({ cwd })
  expect(await main(['init', '-o', 'json'], terminal)).toBe(0)
  expect(readFileSync(join(cwd, 'runbooks', 'queue-stopped.yaml'), 'utf8')).toBe('mine')
  expect(JSON.parse(terminal.out)).toMatchObject({ kept: ['runbooks/queue-stopped.yaml'] })
  const again = fakeTerminal({ cwd })
  expect(await main(['init'], again)).toBe(0)
  expect(again.out).not.toContain('wrote')
  expect(again.err).toBe('')
})

test('a folder is created; where that is not possible, the message names the file', async () => {
  const cwd = emptyFolder()
  expect(await main(['init', 'ops/night'], fakeTerminal({ cwd }))).toBe(0)
  expect(filesIn(join(cwd, 'ops', 'night'))).toEqual(FILES)
  writeFileSync(join(cwd, 'taken'), '')
  const terminal = fakeTerminal({ cwd })
  expect(await main(['init', 'taken'], terminal)).not.toBe(0)
  expect(terminal.err).toContain(`cannot write ${join(cwd, 'taken', 'runbook.config.yaml')}`)
})
