import { Command, Option } from 'commander'
import { visibleLines } from '../../core/displayable.ts'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('review')
    .description(
      'Print the full report of an incident: timeline, causes, decisions, effects, verification and evidence.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .addOption(new Option('-f, --format <format>', 'format of the report (default: md)').choices(['md', 'json']))
    .addHelpText(
      'after',
      '\nExamples:\n  runbook review 142 > INC-142.md\n  runbook review 142 --format json | jq .timeline',
    )
    .action(async (id: string, { format }: { format?: 'md' | 'json' }, self: Command) => {
      const client = openClient(terminal)
      if ((format ?? (wantsJson(self) ? 'json' : 'md')) === 'json') printJson(terminal, await client.review(id))
      else terminal.print(visibleLines(await client.reviewMarkdown(id)).trimEnd())
    })
}
