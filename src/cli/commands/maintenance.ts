import { Command } from 'commander'
import { defined } from '../../core/defined.ts'
import type { MaintenanceList, MaintenanceView } from '../../engine/views/view-types.ts'
import { openClient } from '../client.ts'
import { pageOf, printJson, printLines, wantsJson } from '../output.ts'
import { plural, table } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

interface StartOptions {
  for: string
  reason: string
  runbook?: string
  connection?: string
}

/** `runbook maintenance`: maintenance windows, in which alerts and detection open no incidents. */
export function command(terminal: Terminal): Command {
  const maintenance = new Command('maintenance')
    .description(
      'Start, end and list maintenance. During maintenance alerts and detection are recorded and open no incidents. When maintenance ends, alerts that still fire and symptoms that are still present open their incidents. People can still open incidents.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  runbook maintenance start --for 2h --connection maestro-db --reason "upgrade of PostgreSQL"\n  runbook maintenance list\n  runbook maintenance end 7',
    )
  maintenance
    .command('start')
    .summary('start a maintenance window now')
    .description(
      'Start a maintenance window now, for one runbook, for the runbooks that use a connection, or for everything.',
    )
    .requiredOption('--for <duration>', 'how long it lasts, such as 2h (required)')
    .requiredOption('-r, --reason <text>', 'the reason (required); stored with the window')
    .option('--runbook <name>', 'only incidents of this runbook')
    .option('--connection <name>', 'only incidents of the runbooks that use this connection')
    .addHelpText('after', '\nExample:\n  runbook maintenance start --for 2h --reason "upgrade of PostgreSQL"')
    .action(async ({ for: length, reason, runbook, connection }: StartOptions, self: Command) => {
      const scope = defined({ runbook, connection })
      const started = await openClient(terminal).startMaintenance({ for: length, reason, ...scope })
      if (wantsJson(self)) printJson(terminal, started)
      terminal.log(`maintenance ${started.id} of ${scopeText(started)} lasts until ${started.endsAt}`)
    })
  maintenance
    .command('list')
    .summary('list maintenance windows, and what they hold back')
    .description('List the recurring windows of the configuration and the latest windows that people started.')
    .addHelpText('after', '\nExample:\n  runbook maintenance list')
    .action(async (_options: object, self: Command) => {
      const found = await openClient(terminal).maintenance()
      if (wantsJson(self)) return printJson(terminal, found)
      printMaintenance(terminal, found)
    })
  maintenance
    .command('end <id>')
    .summary('end a maintenance window early')
    .description(
      'End a maintenance window early. Alerts that still fire and symptoms that are still present open their incidents.',
    )
    .addHelpText('after', '\nExample:\n  runbook maintenance end 7')
    .action(async (id: string, _options: object, self: Command) => {
      const ended = await openClient(terminal).endMaintenance(id)
      if (wantsJson(self)) printJson(terminal, ended)
      terminal.log(`maintenance ${ended.id} of ${scopeText(ended)} has ended`)
    })
  return maintenance
}

function printMaintenance(terminal: Terminal, { maintenance, heldAlerts, heldEpisodes }: MaintenanceList): void {
  const { width, colours } = pageOf(terminal)
  const rows = maintenance.map((one) => [
    one.id ?? '-',
    one.isActive ? 'active' : one.recurs === null ? 'ended' : 'next',
    scopeText(one),
    `${one.startsAt.slice(0, 16)}Z`,
    `${one.endsAt.slice(0, 16)}Z`,
    one.person ?? one.recurs ?? '',
    one.reason,
  ])
  if (rows.length === 0) terminal.log('no maintenance windows')
  else printLines(terminal, table(['ID', 'STATE', 'COVERS', 'FROM', 'UNTIL', 'BY', 'REASON'], rows, width, colours.dim))
  if (heldAlerts + heldEpisodes > 0)
    printLines(terminal, [
      `held back: ${plural(heldAlerts, 'alert')}, ${plural(heldEpisodes, 'runbook')} with the symptom present`,
    ])
}

function scopeText({ runbook, connection }: MaintenanceView): string {
  if (runbook !== null) return `runbook ${runbook}`
  return connection === null ? 'everything' : `connection ${connection}`
}
