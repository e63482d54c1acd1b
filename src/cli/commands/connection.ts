import { Command } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import { RunbookError } from '../../core/errors.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook connection prepare <name>`: makes the credentials of a diagnosed system. */
export function command(terminal: Terminal): Command {
  const connection = new Command('connection').description('Prepares the credentials of a diagnosed system.')
  connection
    .command('prepare <name>')
    .description(
      'Makes roles or users that can only read, others that can apply remedies, and the ledger of effects. What is there is kept.',
    )
    .option(
      '--schema <schema>',
      'PostgreSQL: may be read; repeat it for several (default: public)',
      (one: string, all: string[] = []) => [...all, one],
    )
    .addHelpText(
      'after',
      '\nThe address of who may create them stands in RUNBOOK_ADMIN_URL.\nThe new addresses go to .runbook/env (0600) and are never printed.\n\nExample:\n  RUNBOOK_ADMIN_URL=postgres://postgres@db.example/app runbook connection prepare maestro-db',
    )
    .action(async (name: string, options: { schema?: string[] }) => {
      const adminUrl = terminal.env.RUNBOOK_ADMIN_URL
      if (!adminUrl)
        throw new RunbookError(
          'RUNBOOK_CONFIG',
          'RUNBOOK_ADMIN_URL is not set: it is the address of a login that may create roles, or Redis users',
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
        ...(options.schema ? { schemas: options.schema } : {}),
      })
      updateEnvironmentFile(config.directory, prepared.env)
      for (const line of prepared.did) terminal.print(line)
      for (const line of prepared.warnings) terminal.say(line)
      if (Object.keys(prepared.env).length > 0)
        terminal.say(`${Object.keys(prepared.env).join(', ')}: written to .runbook/env`)
    })
  return connection
}
