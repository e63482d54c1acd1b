import { Command } from 'commander'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, WATCH_OPTION, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

export function command(terminal: Terminal): Command {
  return new Command('undo')
    .description(
      'Open an incident that proposes to undo what a closed incident applied. Nothing is changed before the proposal is approved.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option(...WATCH_OPTION)
    .addHelpText(
      'after',
      '\nEach effect is undone for the target that it was applied to, so a part can be\napproved: runbook approve 143 --targets run-7,run-8\n\nExamples:\n  runbook undo 142\n  runbook undo 142 --watch',
    )
    .action(async (id: string, options: { watch?: true }, self: Command) => {
      const client = openClient(terminal)
      const json = wantsJson(self)
      const accepted = await client.undo(id)
      if (json) printJson(terminal, accepted)
      else terminal.print(accepted.incident)
      const { incident, created } = accepted
      terminal.log(
        created
          ? `${incident} proposes to undo ${id} and waits for approval`
          : `${incident} already proposes to undo ${id}`,
      )
      if (options.watch) throw new Exit(await watch(terminal, client, incident, json))
    })
}
