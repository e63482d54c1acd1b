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
      'Rejects the proposal that waits at the gate: nothing is applied. Without --digest it is shown first, and asked for.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('--next-cause', 'do not end the incident, but treat the next cause that holds')
    .option('-c, --comment <text>', 'why; kept with the decision')
    .option('-d, --digest <digest>', "the proposal's digest, or its first 12 digits: rejects without asking")
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
      terminal.say(`${gate.id} rejected${nextCause ? ': the next cause is looked at' : ''}`)
    })
}
