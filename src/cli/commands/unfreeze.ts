import { Command } from 'commander'
import { printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { setFreeze } from '../set-freeze.ts'

export function command(terminal: Terminal): Command {
  return new Command('unfreeze')
    .description(
      "End the freeze, so that remedies are applied again. Needs only the engine's PostgreSQL (RUNBOOK_DATABASE_URL).",
    )
    .requiredOption('-r, --reason <text>', 'why remedies may be applied again (required); stored with the change')
    .addHelpText('after', '\nExample:\n  runbook unfreeze --reason "the failover is over"')
    .action(async ({ reason }: { reason: string }, self: Command) => {
      const frozen = await setFreeze(terminal, false, reason)
      if (wantsJson(self)) printJson(terminal, frozen)
      terminal.log(
        frozen.turned ? 'no longer frozen; remedies are applied again' : 'no freeze was on; nothing was changed',
      )
    })
}
