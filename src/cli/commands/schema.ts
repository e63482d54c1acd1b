import { Command } from 'commander'
import { runbookSchema } from '../../language/schema.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('schema')
    .description('Prints the JSON Schema of runbooks, for editors: completion and explanations of every field.')
    .addHelpText(
      'after',
      '\nExample:\n  runbook schema > schema/runbook.json\n\nThen, as the first line of a runbook:\n  # yaml-language-server: $schema=../schema/runbook.json',
    )
    .action(() => terminal.print(JSON.stringify(runbookSchema(), null, 2)))
}
