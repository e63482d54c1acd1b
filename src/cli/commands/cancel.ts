import { Command } from 'commander'
import { visibleLine } from '../../core/displayable.ts'
import { openClient } from '../client.ts'
import { insist } from '../confirm.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
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
      if (!yes && terminal.interactive) {
        const { type, key, state } = await client.show(id)
        await insist(terminal, `Cancel ${id} (${type}, ${state}, key ${visibleLine(key)})?`, 'nothing was cancelled')
      }
      const view = await client.cancel(id, comment)
      if (wantsJson(self)) printJson(terminal, view)
      terminal.say(
        view.state === 'closed' ? `${id} is ${view.outcome}` : `${id} will end as soon as nothing is under way`,
      )
    })
}
