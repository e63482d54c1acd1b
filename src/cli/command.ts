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
