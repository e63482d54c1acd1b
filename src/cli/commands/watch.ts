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
      'Follow an incident until it is closed: live in a terminal, one line per event in a pipe, one JSON object per event with ' +
        '-o json. Exits with the code of its outcome; Ctrl-C exits with 8 and does not affect the incident.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .addHelpText('after', '\nExamples:\n  runbook watch 142\n  runbook watch 142 | grep proposed')
    .action(async (id: string, _options: object, self: Command) => {
      throw new Exit(await watch(terminal, openClient(terminal), id, wantsJson(self)))
    })
}
