import { passwordIn, provisionDatabase, provisionEngineDatabase } from '../../engine/setup/provision.ts'
import { readEnvironmentFile, updateEnvironmentFile } from './environment-file.ts'

/** The addresses of the servers. An embedded stack has the same fields. */
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
 * Creates the engine's database with its logins, and writes their addresses and the address of Temporal to `.runbook/env`. Existing
 * passwords are kept, so they stay valid over a restart. `databaseVariable` is the variable from which the configuration reads the address.
 */
export async function provision(
  root: string,
  stack: Servers,
  names: InstallationNames,
  databaseVariable: string,
): Promise<Record<string, string>> {
  const before = readEnvironmentFile(root)
  const { ownerUrl, applicationUrl } = await provisionEngineDatabase(
    stack.postgres.url,
    { database: names.engine, owner: `${names.engine}_owner`, application: `${names.engine}_engine` },
    { ...passwordIn(before.RUNBOOK_OWNER_URL), ...application(before[databaseVariable]) },
  )
  return updateEnvironmentFile(root, {
    RUNBOOK_OWNER_URL: ownerUrl,
    [databaseVariable]: applicationUrl,
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
