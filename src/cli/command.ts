import type { Command } from 'commander'
import type { Terminal } from './terminal.ts'

/**
 * What each file under commands/ exports: one command for commander, with its description, options and action. The action
 * parses, makes one call and prints. It returns for exit code 0, throws RunbookError for an error, and `Exit` for another exit code
 * without a message. Data goes to `terminal.print`, messages go to `terminal.log`.
 */
export interface CommandModule {
  command(terminal: Terminal): Command
}

/** Ends the command with this exit code, without a message. */
export class Exit extends Error {
  override readonly name = 'Exit'
  readonly code: number

  constructor(code: number) {
    super(`exit ${code}`)
    this.code = code
  }
}

/** A command in the list of commands. */
export interface ListedCommand {
  name: string
  /** What the command does, in one line of the list of commands. */
  summary: string
  /** The command's arguments, for the list of commands. Default: none. */
  usage?: string
  /** Whether the command accepts `-o json`. Default: no. */
  json?: true
  load(): Promise<CommandModule>
}
