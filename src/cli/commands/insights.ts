import { Command } from 'commander'
import { DEFAULT_PERIOD, type InsightRequest } from '../../core/insight-request.ts'
import {
  cellText,
  insightTables,
  shareText,
  TABLE_NAMES,
  type InsightTable,
  type TableName,
} from '../../engine/views/insight-tables.ts'
import type { Insights } from '../../engine/views/view-types.ts'
import { openClient } from '../client.ts'
import { pageOf, printJson, printLines, wantsJson } from '../output.ts'
import { table, wrap } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook insights`: what the history says about the incidents of a period. */
export function command(terminal: Terminal): Command {
  return new Command('insights')
    .description(
      'Show what the history says about the incidents that were opened in a period: how long each part took (percentiles), by month, runbook and type; who found them; how many were healthy within 30 minutes; proposals that were rejected or expired; remedies that did not help; undetermined causes; messages at night.',
    )
    .option('--since <duration>', 'how far to look back', DEFAULT_PERIOD.since)
    .option('--zone <name>', 'the time zone in which months and nights are counted', DEFAULT_PERIOD.zone)
    .addHelpText(
      'after',
      '\nExamples:\n  runbook insights --since 30d --zone Europe/Berlin\n  runbook insights -o json',
    )
    .action(async (request: InsightRequest, self: Command) => {
      const { since, zone } = request
      const insights = await openClient(terminal).insights({ since, zone })
      if (wantsJson(self)) return printJson(terminal, insights)
      printInsights(terminal, insights)
    })
}

function printInsights(terminal: Terminal, insights: Insights): void {
  const all = insights.groups.find(({ by }) => by === 'all')!
  const tables = insightTables(insights)
  terminal.print(`Incidents opened since ${insights.since.slice(0, 10)}: ${all.incidents}`)
  terminal.print(`Healthy within 30 minutes: ${shareText(all.healthy, all.judged)}`)
  terminal.print(`Opened by detection: ${shareText(all.byDetection, all.reported)}`)
  for (const name of TABLE_NAMES) printTable(terminal, narrowed(name, tables[name]))
}

/** The part of a table that fits on a terminal. JSON has everything. */
function narrowed(name: TableName, found: InsightTable): InsightTable {
  if (name === 'times') return { ...found, rows: found.rows.filter(([by]) => by === 'all') }
  if (name !== 'groups') return found
  const kept = found.columns.map(({ kind }, i) => (kind === 'duration' ? -1 : i)).filter((i) => i >= 0)
  const caption = 'By month, runbook and type of incident (-o json also has the times)'
  return {
    ...found,
    caption,
    columns: kept.map((i) => found.columns[i]!),
    rows: found.rows.map((row) => kept.map((i) => row[i]!)),
  }
}

function printTable(terminal: Terminal, { caption, columns, rows, empty }: InsightTable): void {
  const { width, colours } = pageOf(terminal)
  if (rows.length === 0) return printLines(terminal, ['', ...wrap(`${caption}: ${empty}`, width)])
  const headings = columns.map(({ title }) => title.toUpperCase())
  const cells = rows.map((row) => row.map((cell, i) => cellText(columns[i]!.kind, cell)))
  printLines(terminal, ['', ...wrap(caption, width), ...table(headings, cells, width, colours.dim)])
}
