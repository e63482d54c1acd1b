import { Command } from 'commander'
import { openClient } from '../client.ts'
import { gateToDecide } from '../confirm.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

interface Options {
  digest?: string
  nextCause?: true
  comment?: string
}

export function command(terminal: Terminal): Command {
  return new Command('reject')
    .description(
      'Reject the open proposal of an incident: nothing is applied. Without --digest, the proposal is shown and you are asked to confirm.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('--next-cause', 'keep the incident open and propose a remedy for the next cause that holds')
    .option('-c, --comment <text>', 'why; stored with the decision')
    .option('-d, --digest <digest>', 'digest of the proposal, or its first 12 digits: reject without asking')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook reject 142 --comment "these runs are a test"\n  runbook reject 142 --next-cause\n  runbook reject 142 --digest 3f9ac01b22d4',
    )
    .action(async (id: string, options: Options, self: Command) => {
      const client = openClient(terminal)
      const { nextCause, comment } = options
      const gate = await gateToDecide(terminal, client, id, options, 'Reject')
      const decided = await client.decide(id, {
        gate: gate.id,
        proposalDigest: gate.proposalDigest,
        decision: 'reject',
        nextCause,
        comment,
      })
      if (wantsJson(self)) printJson(terminal, decided)
      terminal.log(
        `${gate.id} is rejected${nextCause ? '; the next cause is tried' : ': nothing is applied, and the incident ends'}`,
      )
    })
}
