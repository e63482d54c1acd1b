import { Command } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import { defined } from '../../core/defined.ts'
import { RunbookError } from '../../core/errors.ts'
import type { Terminal } from '../terminal.ts'

interface Options {
  schema?: string[]
  dryRun?: true
  revokeFromPublic?: true
}

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
    .option('--dry-run', 'say what would be done, and change nothing')
    .option('--revoke-from-public', 'PostgreSQL: revoke the rights to write that every role has, without a question')
    .addHelpText(
      'after',
      '\n<name> is a connection of runbook.config.yaml.\nRUNBOOK_ADMIN_URL is the URL of a login that may create roles or users.\nThe new URLs, with their passwords, are written to .runbook/env\n(mode 0600) and never printed.\n\nPostgreSQL: every role may create temporary tables and large objects. The command asks\nbefore it revokes such rights from PUBLIC; roles that use the database keep them.\n\nExample:\n  RUNBOOK_ADMIN_URL=postgres://postgres@db.example/app runbook connection prepare maestro-db',
    )
    .action(async (name: string, options: Options) => {
      const adminUrl = terminal.env.RUNBOOK_ADMIN_URL
      if (!adminUrl)
        throw new RunbookError(
          'RUNBOOK_CONFIG',
          'RUNBOOK_ADMIN_URL is not set. Set it to the URL of a login that may create PostgreSQL roles or Redis users.',
        )
      const [
        { prepareConnection },
        { loadCatalogue },
        { neededGrants },
        { readEnvironmentFile, updateEnvironmentFile },
      ] = await Promise.all([
        import('../../engine/setup/prepare-connection.ts'),
        import('../../engine/catalogue.ts'),
        import('../../core/needed-grants.ts'),
        import('../installation/environment-file.ts'),
      ])
      const config = loadConfig({ env: terminal.env, cwd: terminal.cwd })
      const plans = [...(await loadCatalogue(config)).byName.values()].map(({ plan }) => plan)
      const prepared = await prepareConnection(config, name, {
        adminUrl,
        grants: neededGrants(plans, name),
        mayRevoke: (revocations) => mayRevoke(terminal, options, revocations),
        ...defined({ schemas: options.schema, dryRun: options.dryRun }),
      })
      if (options.dryRun) terminal.log('nothing was changed. Without --dry-run, this would be done:')
      const before = readEnvironmentFile(config.directory)
      updateEnvironmentFile(config.directory, prepared.env)
      for (const line of prepared.did) terminal.print(line)
      for (const line of prepared.warnings) terminal.log(line)
      const written = Object.keys(prepared.env).filter((variable) => prepared.env[variable] !== before[variable])
      if (written.length > 0) terminal.log(`wrote ${written.join(', ')} to .runbook/env`)
    })
  return connection
}

/** Whether rights of PUBLIC may be revoked. A person is asked; without a terminal, only `--revoke-from-public` allows it. */
async function mayRevoke(terminal: Terminal, options: Options, revocations: string[]): Promise<boolean> {
  if (options.revokeFromPublic) return true
  if (!terminal.interactive) {
    terminal.log('rights of PUBLIC are kept, because there is no terminal to ask on; --revoke-from-public revokes them')
    return false
  }
  terminal.log(`This affects every user of the database:\n${revocations.map((one) => `  ${one}`).join('\n')}`)
  const answer = await terminal.ask('Revoke these rights from PUBLIC? [y/N] ')
  return answer !== null && /^y(es)?$/i.test(answer.trim())
}
