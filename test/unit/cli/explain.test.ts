import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { fakeTerminal } from './fake-terminal.ts'

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
