import { Command } from 'commander'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('withdraw')
    .description(
      'Withdraw your own decision. Possible until the engine starts to apply the remedy. If approvals are then missing, nothing is applied and a new round diagnoses again.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-c, --comment <text>', 'why; stored with the withdrawal')
    .addHelpText('after', '\nExample:\n  runbook withdraw 142 --comment "this was the wrong incident"')
    .action(async (id: string, { comment }: { comment?: string }, self: Command) => {
      const withdrawn = await openClient(terminal).withdraw(id, comment)
      if (wantsJson(self)) printJson(terminal, withdrawn)
      const { gate, state } = withdrawn
      const consequence =
        state === 'open'
          ? 'the gate is still open'
          : state === 'approved'
            ? 'the other approvals are enough, so it is still approved'
            : 'nothing is applied'
      terminal.log(`${gate}: your decision is withdrawn; ${consequence}`)
    })
}
