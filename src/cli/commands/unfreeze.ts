import { Command } from 'commander'
import { printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { turn } from '../turn-freeze.ts'

export function command(terminal: Terminal): Command {
  return new Command('unfreeze')
    .description('Ends the freeze. Needs the engine’s PostgreSQL alone (RUNBOOK_DATABASE_URL).')
    .requiredOption('-r, --reason <text>', 'why it may go on; kept')
    .addHelpText('after', '\nExample:\n  runbook unfreeze --reason "the failover is over"')
    .action(async ({ reason }: { reason: string }, self: Command) => {
      const frozen = await turn(terminal, false, reason)
      if (wantsJson(self)) printJson(terminal, frozen)
      terminal.say(frozen.turned ? 'not frozen any more: remedies are applied again' : 'was not frozen')
    })
}
