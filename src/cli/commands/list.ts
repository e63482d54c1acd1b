import { Command, InvalidArgumentError, Option } from 'commander'
import type { IncidentSummary } from '../../engine/views/view-types.ts'
import { openClient, type ListFilter } from '../client.ts'
import { pageOf, printJson, printLines, wantsJson } from '../output.ts'
import { ageText } from '../render/age.ts'
import { fileWarnings } from '../render/files.ts'
import { table } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('list')
    .description('List incidents, newest first.')
    .addOption(new Option('-s, --state <state>', 'only incidents in this state').choices(['open', 'closed']))
    .option('-t, --type <incident-type>', 'only incidents of this type')
    .option('-n, --limit <count>', 'at most this many (1 to 500)', parseLimit, 20)
    .addHelpText('after', '\nExamples:\n  runbook list --state open\n  runbook list --type stuck-run -n 5 -o json')
    .action(async (filter: ListFilter, self: Command) => {
      const { incidents, files } = await openClient(terminal).list(filter)
      for (const warning of fileWarnings(files)) terminal.log(terminal.colours.yellow(warning))
      if (wantsJson(self)) printJson(terminal, incidents)
      else if (incidents.length === 0) terminal.log('no incidents')
      else printTable(terminal, incidents)
    })
}

function printTable(terminal: Terminal, incidents: IncidentSummary[]): void {
  const { width, colours, now } = pageOf(terminal)
  const rows = incidents.map((incident) => [
    incident.id,
    incident.type,
    stateText(incident),
    ageText(now - Date.parse(incident.openedAt)),
    incident.claimedBy ?? incident.acknowledgedBy ?? '-',
    incident.key,
  ])
  printLines(terminal, table(['ID', 'TYPE', 'STATE', 'AGE', 'SEEN BY', 'KEY'], rows, width, colours.dim))
}

function stateText({ outcome, state, waitsFor, manualSteps }: IncidentSummary): string {
  const missing = [...waitsFor.map(({ connection }) => connection), ...(manualSteps.length > 0 ? ['a person'] : [])]
  if (outcome !== null || missing.length === 0) return outcome ?? state
  return `${state}, waits for ${missing.join(', ')}`
}

/** The API returns at most this many. */
const MAX_LIMIT = 500

function parseLimit(text: string): number {
  const limit = Number(text)
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new InvalidArgumentError('Give a number from 1 to 500.')
  return limit
}
