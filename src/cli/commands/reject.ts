import { Command } from 'commander'
import { openClient } from '../client.ts'
import { openGateOf } from '../decide.ts'
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
    .description('Rejects the proposal that waits at the gate: nothing is applied.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('--next-cause', 'do not end the incident, but treat the next cause that holds')
    .option('-c, --comment <text>', 'why; kept with the decision')
    .option('-d, --digest <digest>', 'refuse to reject any other proposal than this one')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook reject 142 --comment "these runs are a test"\n  runbook reject 142 --next-cause',
    )
    .action(async (id: string, { digest, nextCause, comment }: Options, self: Command) => {
      const client = openClient(terminal)
      const gate = await openGateOf(client, id, digest)
      const decided = await client.decide(id, {
        gate: gate.id,
        proposalDigest: gate.proposalDigest,
        decision: 'reject',
        ...(nextCause ? { nextCause } : {}),
        ...(comment ? { comment } : {}),
      })
      if (wantsJson(self)) printJson(terminal, decided)
      terminal.say(`${gate.id} rejected${nextCause ? ': the next cause is looked at' : ''}`)
    })
}
