import { Command } from 'commander'
import { visibleLine } from '../../core/displayable.ts'
import { openClient } from '../client.ts'
import { printJson, printLines, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook breaker`: what stops remedies on a connection, and how a person lets them through again. */
export function command(terminal: Terminal): Command {
  const breaker = new Command('breaker')
    .description(
      'Three remedies in a row that did not help open the breaker of their connection: from then on there are proposals only.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  runbook breaker list\n  runbook breaker close maestro-db --reason "it was mended"',
    )
  breaker
    .command('list')
    .description('what stops remedies just now: the freeze, and open breakers')
    .addHelpText('after', '\nExample:\n  runbook breaker list')
    .action(async (_options: object, self: Command) => {
      const controls = await openClient(terminal).controls()
      if (wantsJson(self)) return printJson(terminal, controls)
      if (controls.length === 0) return terminal.say('nothing stops remedies')
      printLines(
        terminal,
        controls.map(({ name, person, reason, at }) => visibleLine(`${name}  ${person}, ${at}: ${reason}`)),
      )
    })
  breaker
    .command('close <connection>')
    .description('let remedies write to it again; what did not help before no longer counts')
    .requiredOption('-r, --reason <text>', 'why they will help now; kept')
    .addHelpText('after', '\nExample:\n  runbook breaker close maestro-db --reason "the recovery loop was down"')
    .action(async (connection: string, { reason }: { reason: string }, self: Command) => {
      const controls = await openClient(terminal).closeBreaker(connection, reason)
      if (wantsJson(self)) printJson(terminal, controls)
      terminal.say(`the breaker of ${connection} is closed: remedies may write to it again`)
    })
  return breaker
}
