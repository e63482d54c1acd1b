import { Argument, Command } from 'commander'
import { runbookSchema, scenariosSchema } from '../../language/schema.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('schema')
    .description('Prints the JSON Schema of runbooks, for editors: completion and explanations of every field.')
    .addArgument(new Argument('[of]', 'whose schema').choices(['runbooks', 'scenarios']).default('runbooks'))
    .addHelpText(
      'after',
      '\nExample:\n  runbook schema > schema/runbook.json\n\nThen, as the first line of a runbook:\n  # yaml-language-server: $schema=../schema/runbook.json',
    )
    .action((of: 'runbooks' | 'scenarios') =>
      terminal.print(JSON.stringify(of === 'runbooks' ? runbookSchema() : scenariosSchema(), null, 2)),
    )
}
