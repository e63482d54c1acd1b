import { Command } from 'commander'
import { printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { turn } from '../turn-freeze.ts'

export function command(terminal: Terminal): Command {
  return new Command('freeze')
    .description(
      'Stops every remedy at once: no permit is given, whatever was approved. Needs the engine’s PostgreSQL alone (RUNBOOK_DATABASE_URL): no API, no Temporal. A target whose permit was taken before is finished.',
    )
    .requiredOption('-r, --reason <text>', 'why; everybody sees it')
    .addHelpText(
      'after',
      '\nDiagnosis and proposals go on, and approvals are kept.\n\nExample:\n  runbook freeze --reason "the failover of tonight"',
    )
    .action(async ({ reason }: { reason: string }, self: Command) => {
      const frozen = await turn(terminal, true, reason)
      if (wantsJson(self)) printJson(terminal, frozen)
      const { person, at, reason: why } = frozen.freeze!
      if (frozen.turned) terminal.say(`frozen: no remedy is applied until "runbook unfreeze --reason ..."`)
      else terminal.say(`was frozen already, by ${person} at ${at}: ${why}`)
    })
}
