import { newSigningKey } from '../../gate/keyring.ts'
import { tokenHash } from '../../gate/authenticate.ts'
import { newPassword, passwordIn, provisionDatabase, provisionEngineDatabase } from '../../engine/setup/provision.ts'
import { readEnvironmentFile, updateEnvironmentFile } from './environment-file.ts'

/** Where the servers are; an embedded stack is one form of it. */
export interface Servers {
  /** A superuser's, and that of a user who may do everything. */
  postgres: { url: string }
  redis: { url: string }
  temporal: { address: string; namespace: string; uiUrl?: string }
}

/** Names that keep several installations on one PostgreSQL and Redis apart. */
export interface InstallationNames {
  /** `runbook`: the engine's database, and the prefix of its roles. */
  engine: string
  /** `maestro`: the example's database and owner. */
  maestro: string
}

/**
 * Makes databases, logins, keys and tokens for an installation, and writes them to `.runbook/env`. What was made before is kept:
 * keys, tokens and passwords stay valid over a restart.
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
  const maestroUrl = await provisionDatabase(
    superuser,
    names.maestro,
    names.maestro,
    passwordIn(before.MAESTRO_DATABASE_URL)?.owner,
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
    MAESTRO_DATABASE_URL: maestroUrl,
    MAESTRO_REDIS_URL: stack.redis.url,
  })
}

function application(url: string | undefined): { application?: string } {
  const password = passwordIn(url)?.owner
  return password === undefined ? {} : { application: password }
}
