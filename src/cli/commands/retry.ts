import { Command } from 'commander'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

export function command(terminal: Terminal): Command {
  return new Command('retry')
    .description(
      'Opens a closed incident again as a new one that is linked to it: the same inputs, by the runbook as it is now.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-w, --watch', 'follow it to its end; the exit code is that of its outcome')
    .addHelpText('after', '\nExamples:\n  runbook retry 142\n  runbook retry 142 --watch')
    .action(async (id: string, options: { watch?: true }, self: Command) => {
      const client = openClient(terminal)
      const json = wantsJson(self)
      const accepted = await client.retry(id)
      if (json) printJson(terminal, accepted)
      else terminal.print(accepted.incident)
      const { incident, created } = accepted
      terminal.say(created ? `${incident} continues ${id}` : `joined ${incident}, which is open under the same key`)
      if (options.watch) throw new Exit(await watch(terminal, client, incident, json))
    })
}
