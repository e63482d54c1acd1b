import { Command } from 'commander'
import { readEnvironment } from '../../config/environment.ts'
import { RunbookError } from '../../core/errors.ts'
import { migrateHistory } from '../../history/migrate.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook migrate`: brings the engine's database up to date, as its owner. */
export function command(terminal: Terminal): Command {
  return new Command('migrate')
    .description("Brings the engine's database up to date, with its owner's URL in RUNBOOK_OWNER_URL.")
    .action(async () => {
      const { RUNBOOK_OWNER_URL: url } = readEnvironment(terminal.cwd, terminal.env).environment
      if (!url)
        throw new RunbookError(
          'RUNBOOK_CONFIG',
          'RUNBOOK_OWNER_URL is not set: it is the URL of the role that owns the schema, not the one the engine runs as',
        )
      const applied = await migrateHistory(url)
      terminal.print(applied.length > 0 ? `applied ${applied.join(', ')}` : 'up to date')
    })
}
