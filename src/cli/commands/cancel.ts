import { Command } from 'commander'
import { CLOSES_WHEN } from '../../core/cancelling.ts'
import { visibleLine } from '../../core/displayable.ts'
import { openClient } from '../client.ts'
import { requireYes } from '../confirm.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('cancel')
    .description(
      'Cancel an incident. At its gate it is closed at once; while a remedy is applied, it stops after the current target. Applied effects are kept.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-c, --comment <text>', 'why; stored in the history')
    .option('-y, --yes', 'do not ask for confirmation')
    .addHelpText('after', '\nExample:\n  runbook cancel 142 --comment "this was a drill"')
    .action(async (id: string, { comment, yes }: { comment?: string; yes?: true }, self: Command) => {
      const client = openClient(terminal)
      if (!yes && terminal.interactive) {
        const { type, key, state } = await client.show(id)
        await requireYes(
          terminal,
          `Cancel ${id} (${type}, ${state}, key ${visibleLine(key)})?`,
          'nothing was cancelled',
        )
      }
      const view = await client.cancel(id, comment)
      if (wantsJson(self)) printJson(terminal, view)
      terminal.log(
        view.state === 'closed'
          ? `${id} is closed: ${view.outcome}`
          : `${id} is being cancelled: ${CLOSES_WHEN[view.state]}`,
      )
    })
}
