import { Command } from 'commander'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

export function command(terminal: Terminal): Command {
  return new Command('watch')
    .description(
      'Follows an incident to its end: live in a terminal, a line per event in a pipe, a JSON object per event with -o json. ' +
        'The exit code is that of its outcome.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .addHelpText('after', '\nExamples:\n  runbook watch 142\n  runbook watch 142 | grep proposed')
    .action(async (id: string, _options: object, self: Command) => {
      throw new Exit(await watch(terminal, openClient(terminal), id, wantsJson(self)))
    })
}
