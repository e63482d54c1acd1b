import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { messageOf } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { visibleLines } from '../core/displayable.ts'
import { Exit } from './command.ts'
import { exitCodeOf, USAGE } from './exit-codes.ts'
import { processTerminal, type Terminal } from './terminal.ts'
import { INCIDENT_COMMANDS } from './incident-commands.ts'

/**
 * Runs one command of `runbook`.
 * @param argv the arguments alone, without the program's name
 * @returns the exit code (exit-codes.ts)
 */
export async function main(argv: string[], terminal: Terminal = processTerminal()): Promise<number> {
  try {
    const program = await build(argv, terminal)
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof Exit) return error.code
    // Commander has said it already: help and version are 0, everything else is wrong usage.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE
    terminal.say(`runbook: ${visibleLines(messageOf(error))}`)
    if (terminal.env.RUNBOOK_DEBUG) console.error(error)
    return exitCodeOf(error)
  }
}

/** The program with all its verbs; only the one that was asked for is loaded, the others are known by name. */
async function build(argv: string[], terminal: Terminal): Promise<Command> {
  const asked = verbIn(argv)
  const program: Command = withOutput(new Command('runbook'))
    .description('Diagnoses incidents by runbooks, proposes one exact remedy, waits for a person, applies it once.')
    .version(version(), '-V, --version')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.say(text.trimEnd()),
      getOutHelpWidth: () => terminal.width,
      getErrHelpWidth: () => terminal.width,
      getOutHasColors: () => terminal.colours.isColorSupported,
      outputError: (text, write) => write(withOptionMeant(text, program, asked)),
    })
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${usageInList(command.name())}`.trimEnd() })
    .addHelpCommand(new Command('help').description('how a command is used').helpGroup('Run it:'))
    .showHelpAfterError('Run it with --help to see how it is used.')
    .addHelpText('after', AFTER)
  for (const verb of INCIDENT_COMMANDS) {
    const command =
      verb.name === asked ? (await verb.load()).command(terminal) : new Command(verb.name).allowUnknownOption()
    command.summary(verb.summary).helpGroup(verb.group)
    if (verb.json) withOutput(command)
    program.addCommand(inheriting(command, program))
  }
  return program
}

const AFTER = `
Where the API is, and who you are: RUNBOOK_URL and RUNBOOK_TOKEN, else in
.runbook/env. Exit codes: 0 done, 1 error or findings, 2 usage or bad input,
4 not authenticated or not allowed. When an incident's end was watched: 0 well,
3 cancelled, 5 failed or escalated, 6 declined or expired, 8 still waiting.`

function usageInList(name: string): string {
  return INCIDENT_COMMANDS.find((verb) => verb.name === name)?.usage ?? ''
}

/** Commander knows misspelt options; this knows those of other tools, and beginnings of ours. */
function withOptionMeant(text: string, program: Command, asked: string | undefined): string {
  const wrong = /^error: unknown option '(--[^'=]+)/.exec(text)?.[1]
  if (wrong === undefined || text.includes('Did you mean')) return text
  const meant = optionMeant(wrong, program, asked)
  return meant === undefined ? text : `${text.trimEnd()}\n(Did you mean ${meant}?)\n`
}

function optionMeant(wrong: string, program: Command, asked: string | undefined): string | undefined {
  const verb = program.commands.find((one) => one.name() === asked)
  const known = [verb, ...(verb?.commands ?? [])].flatMap((one) => one?.options ?? []).map(({ long }) => long ?? '')
  const like = known.find((long) => long.startsWith(wrong)) ?? nearest(wrong, known)
  if (like !== undefined) return like
  if (known.includes('--output') && nearest(wrong, ['--json']) !== undefined) return '-o json'
  // What is not an option of a verb that takes inputs, is one of the runbook's inputs.
  return known.includes('--input') ? `--input ${wrong.slice(2)}=…` : undefined
}

/** The form can be said before the verb or behind it. */
function withOutput(command: Command): Command {
  if (command.options.some((option) => option.long === '--output')) return command
  return command.addOption(new Option('-o, --output <form>', 'form of the data on stdout').choices(['table', 'json']))
}

/** The verb, behind the options of the program itself. What is wrong with those, the program will say. */
function verbIn(argv: string[]): string | undefined {
  const options = new Command().passThroughOptions().allowUnknownOption().option('-o, --output [form]')
  const [first, second] = options.parseOptions(argv).operands
  return first === 'help' ? second : first
}

/** Commands of commands too: none of them may end the process or write past the terminal. */
function inheriting(command: Command, parent: Command): Command {
  command.copyInheritedSettings(parent)
  for (const child of command.commands) inheriting(child, command)
  return command
}

function version(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const file = join(directory, 'package.json')
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
    if (dirname(directory) === directory) return 'unknown'
  }
}
