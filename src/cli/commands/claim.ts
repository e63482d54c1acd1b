import { Command } from 'commander'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('claim')
    .description('Claim an incident: mark yourself as responsible. The last claim counts.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .addHelpText('after', '\nExample:\n  runbook claim 142')
    .action(async (id: string, _options: object, self: Command) => {
      const view = await openClient(terminal).act(id, 'claim')
      if (wantsJson(self)) printJson(terminal, view)
      terminal.log(`${id} is claimed by ${view.claimedBy}`)
    })
}
