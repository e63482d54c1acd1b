import { Command, CommanderError, Option } from 'commander'
import { visibleLines } from '../core/displayable.ts'
import { isRunbookError, messageOf } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import { ownVersion } from '../engine/own-version.ts'
import { Exit } from './command.ts'
import { exitCodeOf, USAGE } from './exit-codes.ts'
import { processTerminal, type Terminal } from './terminal.ts'
import { COMMANDS } from './command-table.ts'

/**
 * Runs one command of `runbook`.
 * @param argv the arguments, without the program's name
 * @returns the exit code (exit-codes.ts)
 */
export async function main(argv: string[], terminal: Terminal = processTerminal()): Promise<number> {
  try {
    const program = await buildProgram(argv, terminal)
    if (argv.length === 0) program.outputHelp()
    else await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof Exit) return error.code
    // Commander has already printed its message. Help and version exit with 0; everything else is a usage error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : USAGE
    terminal.log(`error: ${visibleLines(describe(error, terminal))}`)
    if (terminal.env.RUNBOOK_DEBUG) console.error(error)
    return exitCodeOf(error)
  }
}

/** The message of an error. An answer of an API of another version may lack what a command needs, and the error then does not say so. */
function describe(error: unknown, { versionMismatch }: Terminal): string {
  if (isRunbookError(error) || versionMismatch === undefined) return messageOf(error)
  return `the answer of the API could not be used (${messageOf(error)}): ${versionMismatch}`
}

/**
 * The program with all its commands. Only the module of the requested command is loaded; the other commands have only a name and a summary.
 */
async function buildProgram(argv: string[], terminal: Terminal): Promise<Command> {
  const requested = requestedCommand(argv)
  const program: Command = withOutputOption(new Command('runbook'))
    .description(
      'Diagnoses incidents with runbooks, proposes one exact remedy, waits for approval, applies it once and verifies it.',
    )
    .version(ownVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.print(text.trimEnd()),
      writeErr: (text) => terminal.log(text.trimEnd()),
      getOutHelpWidth: () => terminal.width,
      getErrHelpWidth: () => terminal.width,
      getOutHasColors: () => terminal.colours.isColorSupported,
      outputError: (text, write) => write(withSuggestion(text, program, requested)),
    })
    .configureHelp({ subcommandTerm: (command) => `${command.name()} ${usageInList(command.name())}`.trimEnd() })
    .addHelpCommand(new Command('help').description('show the help of a command').helpGroup('Run the engine:'))
    .showHelpAfterError('Run it with --help to see how it is used.')
    .addHelpText('after', AFTER_HELP)
  for (const { name, group, summary, json, load } of COMMANDS) {
    const command = name === requested ? (await load()).command(terminal) : new Command(name).allowUnknownOption()
    command.summary(summary).helpGroup(group)
    if (json) withOutputOption(command)
    program.addCommand(withSettingsOf(program, command))
  }
  return program
}

const AFTER_HELP = `
Address of the API: RUNBOOK_URL. Your token: RUNBOOK_TOKEN. Both are read from
the environment, else from .runbook/env.

Exit codes: 0 done, 1 error or findings, 2 usage error or bad input, 4 not
authenticated or not allowed. With watch or --watch: 0 resolved, cleared,
no-action or handed-off; 3 cancelled; 5 failed or escalated; 6 declined or
expired; 8 still waiting. With freeze: 7 not yet in force for every session.

Examples:
  runbook trigger stuck-run --watch
  runbook show 142
  runbook approve 142
  runbook help approve`

function usageInList(name: string): string {
  return COMMANDS.find((command) => command.name === name)?.usage ?? ''
}

/**
 * Commander suggests options for a misspelt option. This function also knows options of other tools, prefixes of this program's options,
 * and inputs.
 */
function withSuggestion(text: string, program: Command, requested: string | undefined): string {
  const unknown = /^error: unknown option '(--[^'=]+)/.exec(text)?.[1]
  if (unknown === undefined || text.includes('Did you mean')) return text
  const suggestion = suggestOption(unknown, program, requested)
  return suggestion === undefined ? text : `${text.trimEnd()}\n(Did you mean ${suggestion}?)\n`
}

function suggestOption(unknown: string, program: Command, requested: string | undefined): string | undefined {
  const found = program.commands.find((command) => command.name() === requested)
  const options = [found, ...(found?.commands ?? [])].flatMap((command) => command?.options ?? [])
  const known = options.map(({ long }) => long ?? '')
  const similar = known.find((long) => long.startsWith(unknown)) ?? nearest(unknown, known)
  if (similar !== undefined) return similar
  if (known.includes('--output') && nearest(unknown, ['--json']) !== undefined) return '-o json'
  // In a command with --input, an unknown option is probably the name of an input.
  return known.includes('--input') ? `--input ${unknown.slice(2)}=…` : undefined
}

/** `-o` is accepted before the command, after it, and after its subcommand. */
function withOutputOption(command: Command): Command {
  for (const child of command.commands) withOutputOption(child)
  if (command.options.some((option) => option.long === '--output')) return command
  return command.addOption(
    new Option('-o, --output <format>', 'format of the data on stdout').choices(['table', 'json']),
  )
}

/** The name of the command: the first argument after the program's own options. Errors in those options are reported by the program itself. */
function requestedCommand(argv: string[]): string | undefined {
  const options = new Command().passThroughOptions().allowUnknownOption().option('-o, --output [format]')
  const [first, second] = options.parseOptions(argv).operands
  return first === 'help' ? second : first
}

/** Applies the parent's settings to a command and its subcommands, so that none of them ends the process or writes past the terminal. */
function withSettingsOf(parent: Command, command: Command): Command {
  command.copyInheritedSettings(parent)
  if (command.commands.length > 0) command.addHelpCommand(new Command('help').description('show the help of a command'))
  for (const child of command.commands) withSettingsOf(command, child)
  return command
}
