import { Command } from 'commander'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('ack')
    .description('Acknowledge an incident: you have seen it. The first acknowledgement counts.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .addHelpText('after', '\nExample:\n  runbook ack 142')
    .action(async (id: string, _options: object, self: Command) => {
      const view = await openClient(terminal).act(id, 'ack')
      if (wantsJson(self)) printJson(terminal, view)
      terminal.log(`${id} is acknowledged by ${view.acknowledgedBy}`)
    })
}
