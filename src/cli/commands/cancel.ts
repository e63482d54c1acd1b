import { Command } from 'commander'
import type { IncidentView } from '../../engine/views.ts'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import { plain } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('cancel')
    .description(
      'Asks for the end of an incident: at its gate at once, while applying between two targets. What was applied stays applied.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-c, --comment <text>', 'why; kept')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', '\nExample:\n  runbook cancel 142 --comment "a drill"')
    .action(async (id: string, { comment, yes }: { comment?: string; yes?: true }, self: Command) => {
      const client = openClient(terminal)
      if (!yes && terminal.interactive) await ask(terminal, await client.show(id))
      const view = await client.cancel(id, comment)
      if (wantsJson(self)) printJson(terminal, view)
      terminal.say(
        view.state === 'closed' ? `${id} is ${view.outcome}` : `${id} will end as soon as nothing is under way`,
      )
    })
}

async function ask(terminal: Terminal, { id, type, key, state }: IncidentView): Promise<void> {
  const answer = await terminal.ask(`Cancel ${id} (${type}, ${state}, key ${plain(key)})? [y/N] `)
  if (answer !== null && /^y(es)?$/i.test(answer.trim())) return
  terminal.say('nothing was cancelled')
  throw new Exit(1)
}
