import { Command } from 'commander'
import { visibleLine } from '../../core/displayable.ts'
import { openClient } from '../client.ts'
import { printJson, printLines, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook breaker`: lists what blocks remedies, and closes the breaker of a connection. */
export function command(terminal: Terminal): Command {
  const breaker = new Command('breaker')
    .description(
      'Show or close breakers. Three ineffective remedies in a row open the breaker of their connection: the engine then proposes remedies but applies none.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  runbook breaker list\n  runbook breaker close maestro-db --reason "the recovery loop runs again"',
    )
  breaker
    .command('list')
    .summary('list what blocks remedies now')
    .description('List what blocks remedies now: the freeze and open breakers.')
    .addHelpText('after', '\nExample:\n  runbook breaker list')
    .action(async (_options: object, self: Command) => {
      const controls = await openClient(terminal).controls()
      if (wantsJson(self)) return printJson(terminal, controls)
      if (controls.length === 0) return terminal.log('nothing blocks remedies: no freeze, no open breaker')
      printLines(
        terminal,
        controls.map(({ name, person, reason, at }) => visibleLine(`${name}  ${person}, ${at}: ${reason}`)),
      )
    })
  breaker
    .command('close <connection>')
    .summary('close the breaker of a connection')
    .description(
      'Close the breaker of a connection: remedies may be applied again, and earlier failures no longer count.',
    )
    .requiredOption('-r, --reason <text>', 'why remedies should work again (required); stored with the change')
    .addHelpText('after', '\nExample:\n  runbook breaker close maestro-db --reason "the recovery loop runs again"')
    .action(async (connection: string, { reason }: { reason: string }, self: Command) => {
      const controls = await openClient(terminal).closeBreaker(connection, reason)
      if (wantsJson(self)) printJson(terminal, controls)
      terminal.log(`the breaker of ${connection} is closed; remedies may be applied again`)
    })
  return breaker
}
