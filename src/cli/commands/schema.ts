import { Argument, Command } from 'commander'
import { configurationSchema } from '../../config/reference.ts'
import { runbookSchema, scenariosSchema } from '../../language/schema.ts'
import type { Terminal } from '../terminal.ts'

export function command(terminal: Terminal): Command {
  return new Command('schema')
    .description(
      'Print a JSON Schema, with which editors complete and explain the fields of runbooks, of their scenarios or of runbook.config.yaml.',
    )
    .addArgument(new Argument('[of]', 'what the schema describes').choices(Object.keys(SCHEMAS)).default('runbooks'))
    .addHelpText(
      'after',
      '\nExample:\n  runbook schema > schema/runbook.json\n\nThen write as the first line of a runbook:\n  # yaml-language-server: $schema=../schema/runbook.json',
    )
    .action((of: keyof typeof SCHEMAS) => terminal.print(JSON.stringify(SCHEMAS[of](), null, 2)))
}

const SCHEMAS = { runbooks: runbookSchema, scenarios: scenariosSchema, configuration: configurationSchema }
