import { Command } from 'commander'
import { Exit } from '../command.ts'
import { FREEZE_NOT_COMPLETE } from '../exit-codes.ts'
import { printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { setFreeze } from '../set-freeze.ts'

export function command(terminal: Terminal): Command {
  return new Command('freeze')
    .description(
      "Stop applying remedies everywhere, including approved ones. Needs only the engine's PostgreSQL (RUNBOOK_DATABASE_URL), not the API or Temporal. A target whose permit was issued before the freeze is still completed.",
    )
    .requiredOption('-r, --reason <text>', 'the reason (required); shown on every incident')
    .addHelpText(
      'after',
      '\nIncidents are still diagnosed, remedies are still proposed, approvals are kept.\n\nExit code 7: the freeze is on, but each session that is named may still get\none permit.\n\nExample:\n  runbook freeze --reason "database failover tonight"',
    )
    .action(async ({ reason }: { reason: string }, self: Command) => {
      const frozen = await setFreeze(terminal, true, reason)
      if (wantsJson(self)) printJson(terminal, frozen)
      for (const { incident, target, issuedAt } of frozen.inFlight)
        terminal.log(
          `not stopped: ${incident}, target ${target}: its permit was issued at ${issuedAt}, before the freeze, so the remedy may still change it`,
        )
      if (frozen.ended > 0)
        terminal.log(
          `${frozen.ended} suspended ${frozen.ended === 1 ? 'session' : 'sessions'} of the engine in PostgreSQL had asked for a permit: ended, so no permit is granted to ${frozen.ended === 1 ? 'it' : 'them'}`,
        )
      for (const { pid, role } of frozen.unseen)
        terminal.log(
          `not stopped: a session of role ${role} (pid ${pid}) was asking for a permit when the freeze was turned on; it may still get that one. End it as a superuser: SELECT pg_terminate_backend(${pid})`,
        )
      const { person, at, reason: why } = frozen.freeze!
      const except = frozen.unseen.length > 0 ? ', except by the sessions above' : ''
      if (frozen.turned) terminal.log(`frozen: no remedy is applied until "runbook unfreeze --reason ..."${except}`)
      else terminal.log(`already frozen by ${person} at ${at}: ${why}`)
      if (frozen.unseen.length > 0) throw new Exit(FREEZE_NOT_COMPLETE)
    })
}
