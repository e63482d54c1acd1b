import { newSigningKey } from '../../gate/keyring.ts'
import { tokenHash } from '../../gate/authenticate.ts'
import { newPassword, passwordIn, provisionDatabase, provisionEngineDatabase } from '../../engine/setup/provision.ts'
import { readEnvironmentFile, updateEnvironmentFile } from './environment-file.ts'

/** The addresses of the servers; an embedded stack has this form too. */
export interface Servers {
  /** The URL of a superuser. */
  postgres: { url: string }
  /** The URL of a user with all permissions. */
  redis: { url: string }
  temporal: { address: string; namespace: string; uiUrl?: string }
}

/** Names that separate several installations on one PostgreSQL and Redis. */
export interface InstallationNames {
  /** The name of the engine's database and the prefix of its roles, such as `runbook`. */
  engine: string
  /** The name of the example's database and of its owner, such as `maestro`. */
  maestro: string
}

/**
 * Creates databases, logins, keys and tokens for an installation, and writes them to `.runbook/env`. Existing keys, tokens and
 * passwords are kept, so they stay valid over a restart.
 */
export async function provision(
  root: string,
  stack: Servers,
  names: InstallationNames,
): Promise<Record<string, string>> {
  const before = readEnvironmentFile(root)
  const superuser = stack.postgres.url
  const { ownerUrl, applicationUrl } = await provisionEngineDatabase(
    superuser,
    { database: names.engine, owner: `${names.engine}_owner`, application: `${names.engine}_engine` },
    { ...passwordIn(before.RUNBOOK_OWNER_URL), ...application(before.RUNBOOK_DATABASE_URL) },
  )
  const operator = before.RUNBOOK_TOKEN ?? newPassword()
  const lead = before.RUNBOOK_LEAD_TOKEN ?? newPassword()
  return updateEnvironmentFile(root, {
    RUNBOOK_OWNER_URL: ownerUrl,
    RUNBOOK_DATABASE_URL: applicationUrl,
    RUNBOOK_SIGNING_KEY: before.RUNBOOK_SIGNING_KEY ?? newSigningKey(),
    RUNBOOK_TOKEN: operator,
    RUNBOOK_OPERATOR: `sha256:${tokenHash(operator)}`,
    RUNBOOK_LEAD_TOKEN: lead,
    RUNBOOK_LEAD: `sha256:${tokenHash(lead)}`,
    TEMPORAL_ADDRESS: stack.temporal.address,
    TEMPORAL_NAMESPACE: stack.temporal.namespace,
  })
}

/** Creates the example system's database and login, and writes their addresses to `.runbook/env`. */
export async function provisionMaestro(root: string, stack: Servers, { maestro }: InstallationNames): Promise<void> {
  const before = passwordIn(readEnvironmentFile(root).MAESTRO_DATABASE_URL)?.owner
  updateEnvironmentFile(root, {
    MAESTRO_DATABASE_URL: await provisionDatabase(stack.postgres.url, maestro, maestro, before),
    MAESTRO_REDIS_URL: stack.redis.url,
  })
}

function application(url: string | undefined): { application?: string } {
  const password = passwordIn(url)?.owner
  return password === undefined ? {} : { application: password }
}
