import { Command, Option } from 'commander'
import { visibleLines } from '../../core/displayable.ts'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('review')
    .description('Prints everything about an incident: timeline, evidence, causes, decisions, effects, verification.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .addOption(new Option('-f, --format <format>', 'of the review').choices(['md', 'json']))
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
