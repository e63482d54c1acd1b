import { Command } from 'commander'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, WATCH_OPTION, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

export function command(terminal: Terminal): Command {
  return new Command('retry')
    .description(
      'Open a new incident that is linked to a closed one. It has the same inputs, and uses the current version of the runbook.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option(...WATCH_OPTION)
    .addHelpText('after', '\nExamples:\n  runbook retry 142\n  runbook retry 142 --watch')
    .action(async (id: string, options: { watch?: true }, self: Command) => {
      const client = openClient(terminal)
      const json = wantsJson(self)
      const accepted = await client.retry(id)
      if (json) printJson(terminal, accepted)
      else terminal.print(accepted.incident)
      const { incident, created } = accepted
      terminal.log(
        created
          ? `opened ${incident}, which is linked to ${id}`
          : `joined ${incident}, which is already open with the same key`,
      )
      if (options.watch) throw new Exit(await watch(terminal, client, incident, json))
    })
}
