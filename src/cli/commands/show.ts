import { Command } from 'commander'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, pageOf, printJson, printLines, wantsJson } from '../output.ts'
import { fileWarnings } from '../render/files.ts'
import { showInFull, showLines } from '../render/show.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('show')
    .description(
      'Show one incident: the symptom, the causes and their evidence, the proposal with its targets, and what was applied.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('--full', 'show all rounds, checks, causes, statements and targets, uncut')
    .addHelpText('after', '\nExamples:\n  runbook show 142\n  runbook show INC-142 --full\n  runbook show 142 -o json')
    .action(async (id: string, { full }: { full?: true }, self: Command) => {
      const view = await openClient(terminal).show(id)
      if (wantsJson(self)) return printJson(terminal, view)
      for (const warning of fileWarnings(view.files)) terminal.log(terminal.colours.yellow(warning))
      printLines(terminal, (full ? showInFull : showLines)(view, pageOf(terminal)))
    })
}
