import { expect, test } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { COMMANDS } from '../../../src/cli/command-table.ts'
import { fakeTerminal } from './fake-terminal.ts'

test.each([
  [['reject', '1', '--next'], '(Did you mean --next-cause?)'],
  [['approve', '1', '--coment', 'x'], '(Did you mean --comment?)'],
  [['list', '--json'], '(Did you mean -o json?)'],
  [['show', '1', '--jsn'], '(Did you mean -o json?)'],
  [['trigger', 'stuck-run', '--treshold', '5s'], '(Did you mean --input treshold=…?)'],
  [['trigger', 'stuck-run', '--threshold=5s'], '(Did you mean --input threshold=…?)'],
  [['connection', 'prepare', 'db', '--schemas', 'x'], '(Did you mean --schema?)'],
])('%j is answered with a suggestion', async (argv, meant) => {
  const terminal = fakeTerminal()
  expect(await main(argv, terminal)).toBe(2)
  expect(terminal.err).toContain(meant)
  expect(terminal.err.match(/Did you mean/g)).toHaveLength(1)
})

test('an option that resembles none of the command gets no suggestion', async () => {
  const terminal = fakeTerminal()
  expect(await main(['doctor', '--zebra'], terminal)).toBe(2)
  expect(terminal.err).toContain("unknown option '--zebra'")
  expect(terminal.err).not.toContain('Did you mean')
})

test('the help of every command begins with a sentence, and shows no empty default', async () => {
  for (const { name } of COMMANDS) {
    const terminal = fakeTerminal()
    expect(await main(['help', name], terminal), name).toBe(0)
    const sentence = terminal.out.split('\n\n')[1]!
    expect(sentence, name).toMatch(/^[A-Z][^]*\.$/)
    expect(terminal.out, name).not.toContain('default: []')
  }
  const terminal = fakeTerminal()
  await main(['connection', 'help', 'prepare'], terminal)
  expect(terminal.out).not.toContain('default: []')
})

test.each([
  ['breaker', 'list'],
  ['breaker', 'close'],
  ['detect', 'list'],
  ['detect', 'report'],
  ['detect', 'pause'],
  ['maintenance', 'start'],
  ['maintenance', 'list'],
  ['audit', 'verify'],
  ['audit', 'checkpoint'],
  ['connection', 'prepare'],
])('the help of "%s %s" begins with a sentence', async (command, subcommand) => {
  const terminal = fakeTerminal()
  expect(await main([command, subcommand, '--help'], terminal)).toBe(0)
  expect(terminal.out.split('\n\n')[1]).toMatch(/^[A-Z][^]*\.$/)
})

test('no line of any help is wider than the terminal, except examples', async () => {
  for (const { name } of COMMANDS) {
    const terminal = fakeTerminal({ width: 80 })
    await main(['help', name], terminal)
    const lines = terminal.out.split(/\nExamples?:\n/)[0]!.split('\n')
    expect(
      lines.filter((line) => line.length > 80),
      name,
    ).toEqual([])
  }
})
