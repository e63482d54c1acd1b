import { expect, test } from 'vitest'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { COMMANDS } from '../../../src/cli/command-table.ts'
import { configuration, configurationSchema } from '../../../src/config/reference.ts'
import { ERROR_CODES } from '../../../src/core/error-codes.ts'
import { ACTIONS, CHECKS } from '../../../src/language/kinds/table.ts'
import { RULES } from '../../../src/language/rules.ts'
import { SECTIONS } from '../../../src/language/structure/fields.ts'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './fake-terminal.ts'

/** The kinds of connections, from the schema that reads the configuration. */
const CONNECTION_KINDS = [
  ...JSON.stringify(configurationSchema()).matchAll(/"kind":\{"type":"string","const":"(\w+)"/g),
].map(([, kind]) => kind!)

async function explained(...names: string[]): Promise<string> {
  const terminal = fakeTerminal()
  expect(await main(['explain', ...names], terminal)).toBe(0)
  return terminal.out
}

test.each([
  ['sql.query', 'a check'],
  ['sql.update', 'an action'],
  ['remedy', 'Fields'],
  ['despite', 'despite, in cause'],
  ['within', 'within, in verify'],
  ['orElse', 'orElse(value, default)'],
  ['filter', 'filter(list, name, condition)'],
  ['unused-remedy', 'no cause names'],
  ['phase', 'from'],
])('%s is explained', async (name, text) => expect(await explained(name)).toContain(text))

test.each([
  ['bullmq.queue', ['workerNames', 'list of string', 'oldestWaitingMs', 'int or null']],
  ['bullmq.jobs', ['rows[].failedReason', 'string or null', 'truncated']],
  ['sql.query', ['list of the declared columns', 'truncated']],
])('the result of %s is listed with the type of each field', async (kind, texts) => {
  const out = await explained(kind)
  for (const text of texts) expect(out).toContain(text)
})

test.each([
  ['postgres', 'connections: postgres, in runbook.config.yaml'],
  ['connections', 'connections: logs, in runbook.config.yaml'],
  ['approve', 'runbook approve'],
  ['retry', 'runbook retry'],
  ['RUNBOOK_CONFIG', 'exit code 2'],
  ['let', 'let, in runbook'],
])('%s, which a message can name, is explained', async (name, text) => expect(await explained(name)).toContain(text))

test('every name that the product defines is explained', async () => {
  const names = [
    ...[...CHECKS, ...ACTIONS].map((kind) => kind.name),
    ...Object.keys(SECTIONS),
    ...Object.values(SECTIONS).flatMap(({ fields }) => Object.keys(fields)),
    ...Object.keys(RULES),
    ...configuration().flatMap((section) => [section.name, ...section.fields.map((field) => field.name)]),
    ...CONNECTION_KINDS,
    ...COMMANDS.map((command) => command.name),
    ...Object.keys(ERROR_CODES),
  ]
  const unexplained: string[] = []
  for (const name of new Set(names)) if ((await main(['explain', name], fakeTerminal())) !== 0) unexplained.push(name)
  expect(unexplained).toEqual([])
})

test('every command and every explained name that a message of the source names exists', async () => {
  const root = new URL('../../../', import.meta.url)
  const files = readdirSync(new URL('src/', root), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile() && entry.name.endsWith('.ts'),
  )
  expect(files.length).toBeGreaterThan(300)
  const commands = new Set([...COMMANDS.map(({ name }) => name), 'help'])
  const unknown: string[] = []
  for (const { parentPath, name } of files) {
    const text = readFileSync(join(parentPath, name), 'utf8')
    for (const [whole, command] of text.matchAll(/"runbook ([a-z-]+)\b/g))
      if (!commands.has(command!)) unknown.push(`${name}: ${whole}`)
    for (const [, topic] of text.matchAll(/runbook explain ([A-Za-z][\w.-]*)/g))
      if ((await main(['explain', topic!], fakeTerminal())) !== 0) unknown.push(`${name}: explain ${topic}`)
  }
  expect(unknown).toEqual([])
})

test('without a name, everything is listed', async () => {
  const out = await explained()
  for (const text of ['sql.query', 'bullmq.resume', 'Sections of scenarios', 'exists', 'yaml-tag'])
    expect(out).toContain(text)
})

test('an unknown name is bad input, with a suggestion', async () => {
  const terminal = fakeTerminal()
  expect(await main(['explain', 'sql.qurey'], terminal)).toBe(2)
  expect(terminal.err).toContain('Did you mean "sql.query"?')
})

test('the kinds of connections are those of the schema', () => {
  expect([...new Set(CONNECTION_KINDS)].toSorted()).toEqual(['bullmq', 'http', 'logs', 'postgres', 'process', 'redis'])
})
