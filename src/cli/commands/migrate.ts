import { Command } from 'commander'
import { readEnvironment } from '../../config/environment.ts'
import { RunbookError } from '../../core/errors.ts'
import { migrateHistory } from '../../history/migrate.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook migrate`: updates the schema of the engine's database, as its owner. */
export function command(terminal: Terminal): Command {
  return new Command('migrate')
    .description(
      "Update the schema of the engine's database. Connects with RUNBOOK_OWNER_URL, the URL of the role that owns the schema.",
    )
    .addHelpText(
      'after',
      '\nRun it before you start a new version of worker and API. Running it again\nchanges nothing.\n\nExample:\n  RUNBOOK_OWNER_URL=postgres://runbook_owner@db.example/runbook runbook migrate',
    )
    .action(async () => {
      const { RUNBOOK_OWNER_URL: url } = readEnvironment(terminal.cwd, terminal.env).environment
      if (!url)
        throw new RunbookError(
          'RUNBOOK_CONFIG',
          'RUNBOOK_OWNER_URL is not set. Set it to the URL of the role that owns the schema, not of the role that the engine runs as.',
        )
      const applied = await migrateHistory(url)
      terminal.print(applied.length > 0 ? `applied ${applied.join(', ')}` : 'the schema is up to date')
    })
}
