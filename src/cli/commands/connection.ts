import { Command } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import { defined } from '../../core/defined.ts'
import { RunbookError } from '../../core/errors.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook connection prepare <name>`: creates the credentials of a diagnosed system. */
export function command(terminal: Terminal): Command {
  const connection = new Command('connection').description(
    'Create the credentials that the engine uses for a diagnosed system.',
  )
  connection
    .command('prepare <name>')
    .summary('create the credentials for one connection')
    .description(
      'Create a read-only role or user, one that can apply remedies, and the ledger of effects. Existing ones are kept and their grants are reset.',
    )
    .option(
      '--schema <schema>',
      'PostgreSQL: a schema that may be read; repeat it for more (default: public)',
      (schema: string, earlier: string[] = []) => [...earlier, schema],
    )
    .addHelpText(
      'after',
      '\n<name> is a connection of runbook.config.yaml.\nRUNBOOK_ADMIN_URL is the URL of a login that may create roles or users.\nThe new URLs, with their passwords, are written to .runbook/env\n(mode 0600) and never printed.\n\nExample:\n  RUNBOOK_ADMIN_URL=postgres://postgres@db.example/app runbook connection prepare maestro-db',
    )
    .action(async (name: string, options: { schema?: string[] }) => {
      const adminUrl = terminal.env.RUNBOOK_ADMIN_URL
      if (!adminUrl)
        throw new RunbookError(
          'RUNBOOK_CONFIG',
          'RUNBOOK_ADMIN_URL is not set. Set it to the URL of a login that may create PostgreSQL roles or Redis users.',
        )
      const [{ prepareConnection }, { loadCatalogue }, { neededGrants }, { updateEnvironmentFile }] = await Promise.all(
        [
          import('../../engine/setup/prepare-connection.ts'),
          import('../../engine/catalogue.ts'),
          import('../../engine/setup/needed-grants.ts'),
          import('../installation/environment-file.ts'),
        ],
      )
      const config = loadConfig({ env: terminal.env, cwd: terminal.cwd })
      const plans = [...(await loadCatalogue(config)).byName.values()].map(({ plan }) => plan)
      const prepared = await prepareConnection(config, name, {
        adminUrl,
        grants: neededGrants(plans, name),
        ...defined({ schemas: options.schema }),
      })
      updateEnvironmentFile(config.directory, prepared.env)
      for (const line of prepared.did) terminal.print(line)
      for (const line of prepared.warnings) terminal.log(line)
      if (Object.keys(prepared.env).length > 0)
        terminal.log(`wrote ${Object.keys(prepared.env).join(', ')} to .runbook/env`)
    })
  return connection
}
