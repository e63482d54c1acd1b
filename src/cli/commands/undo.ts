import { Command } from 'commander'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

export function command(terminal: Terminal): Command {
  return new Command('undo')
    .description(
      'Opens an incident that proposes to take back what a closed one applied. Nothing is changed before that proposal is approved.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-w, --watch', 'follow it to its end; the exit code is that of its outcome')
    .addHelpText('after', '\nExamples:\n  runbook undo 142\n  runbook undo 142 --watch')
    .action(async (id: string, options: { watch?: true }, self: Command) => {
      const client = openClient(terminal)
      const json = wantsJson(self)
      const accepted = await client.undo(id)
      if (json) printJson(terminal, accepted)
      else terminal.print(accepted.incident)
      const { incident, created } = accepted
      terminal.say(
        created ? `${incident} proposes to undo ${id}: it waits for approval` : `${incident} proposes that already`,
      )
      if (options.watch) throw new Exit(await watch(terminal, client, incident, json))
    })
}
