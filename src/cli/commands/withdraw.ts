import { Command } from 'commander'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('withdraw')
    .description(
      'Takes your own decision back, until its first target was begun. Where your approval is missed then, nothing is applied and the incident is looked at afresh.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-c, --comment <text>', 'why; kept')
    .addHelpText('after', '\nExample:\n  runbook withdraw 142 --comment "the wrong incident"')
    .action(async (id: string, { comment }: { comment?: string }, self: Command) => {
      const withdrawn = await openClient(terminal).withdraw(id, comment)
      if (wantsJson(self)) printJson(terminal, withdrawn)
      const { gate, state } = withdrawn
      const then =
        state === 'open'
          ? 'it still waits'
          : state === 'approved'
            ? 'the other approvals are enough'
            : 'nothing is applied'
      terminal.say(`${gate}: your decision is taken back; ${then}`)
    })
}
