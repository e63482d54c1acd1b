import { Command } from 'commander'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('cancel')
    .description(
      'Asks for the end of an incident: at its gate at once, while applying between two targets. What was applied stays applied.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .addHelpText('after', '\nExample:\n  runbook cancel 142')
    .action(async (id: string, _options: object, self: Command) => {
      const view = await openClient(terminal).act(id, 'cancel')
      if (wantsJson(self)) printJson(terminal, view)
      terminal.say(
        view.state === 'closed' ? `${id} is ${view.outcome}` : `${id} will end as soon as nothing is under way`,
      )
    })
}
