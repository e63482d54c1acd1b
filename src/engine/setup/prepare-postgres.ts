import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { DEFAULT_POSTGRES_CONNECTIONS, type PostgresConnection } from '../../config/config.ts'
import { scrubSecrets } from '../../config/secret.ts'
import { sha256Hex } from '../../core/canonical.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { prepareLedger } from '../../effects/prepare-ledger.ts'
import { grantReading, grantWriting, makeRole, type Preparation } from './postgres-roles.ts'
import type { PreparedConnection, PrepareOptions, WantedLogin } from './prepared-connection.ts'
import { limitTemporaryFiles } from './temporary-files.ts'
import { postgresAddress, postgresConnectError, postgresUrl } from '../../targets/explain-postgres.ts'
import { postgresWarnings } from './postgres-warnings.ts'
import { heldByPublic, revocation, revokeFromPublic, type HeldByPublic } from './revoke-from-public.ts'

/** The number of processes (workers and API) whose connections the roles allow. `doctor` reports when there are more processes. */
const PROCESSES = 5

/**
 * Creates the roles of a PostgreSQL connection. The read role may read the given schemas and the server's statistics,
 * and nothing else.
 */
export async function preparePostgres(
  name: string,
  connection: PostgresConnection,
  logins: { read: WantedLogin; write?: WantedLogin },
  options: PrepareOptions,
): Promise<PreparedConnection> {
  const adminUrl = postgresUrl(options.adminUrl)
  if (!adminUrl) throw new RunbookError('RUNBOOK_CONFIG', 'the admin address is not a postgres:// address')
  const client = await connect(name, options.adminUrl)
  const did: string[] = []
  const warnings: string[] = []
  const p: Preparation = { client, adminUrl, did, warnings, env: {}, schemas: options.schemas ?? ['public'] }
  try {
    const diagnose = roleName(name, adminUrl, 'diagnose')
    const remediate = roleName(name, adminUrl, 'remediate')
    const most = connection.maxConnections ?? DEFAULT_POSTGRES_CONNECTIONS
    await requirePrimary(p)
    await client.query('BEGIN')
    await makeRole(p, diagnose, PROCESSES * most.read)
    await grantReading(p, diagnose)
    if (logins.write) {
      await makeRole(p, remediate, PROCESSES * most.write)
      await grantWriting(p, remediate, options.grants ?? [])
    }
    if (options.dryRun) return await dryRun(p, connection, { diagnose, remediate }, logins)
    await client.query('COMMIT')
    await limitTemporaryFiles(p, diagnose)
    await askAndRevoke(p, await heldByPublic(client, logins.write ? [diagnose, remediate] : [diagnose]), options)
    warnings.push(...(await postgresWarnings(client, diagnose, logins.write && remediate)))
    if (logins.write && connection.ledger === 'target') {
      const applied = await prepareLedger(options.adminUrl, remediate)
      did.push(
        `ledger of effects in schema runbook_ledger: ${applied.length > 0 ? `created (${applied.join(', ')})` : 'exists'}; ${remediate} may read it and add rows`,
      )
    }
    await login(p, diagnose, logins.read)
    if (logins.write) await login(p, remediate, logins.write)
    return { did, warnings, env: p.env }
  } catch (error) {
    if (error instanceof RunbookError) throw error
    const message = `connection ${name}: ${scrubSecrets(messageOf(error))}. The grants were rolled back. Use an admin address with more rights, or fix the cause, and run this again.`
    throw new RunbookError('RUNBOOK_CONFIG', message, {}, error)
  } finally {
    await client.end()
  }
}

/**
 * Describes, within the transaction of the grants, what the server accepted so far and what the later steps would do. The transaction is
 * then rolled back.
 */
async function dryRun(
  p: Preparation,
  { ledger }: PostgresConnection,
  { diagnose, remediate }: { diagnose: string; remediate: string },
  logins: { read: WantedLogin; write?: WantedLogin },
): Promise<PreparedConnection> {
  const { client, did, warnings, adminUrl } = p
  did.push(`${diagnose}: a limit for temporary files, unless the server has one or the admin login may not set it`)
  const held = await heldByPublic(client, logins.write ? [diagnose, remediate] : [diagnose])
  did.push(...held.map((one) => `${revocation(one)}, if you allow it`))
  if (logins.write && ledger === 'target') {
    const found = await client.query<{ exists: boolean }>(
      "SELECT to_regclass('runbook_ledger.effects') IS NOT NULL AS exists",
    )
    did.push(`ledger of effects in schema runbook_ledger: ${found.rows[0]?.exists ? 'updated' : 'created'}`)
  }
  await client.query('ROLLBACK')
  const of = [[diagnose, logins.read] as const, ...(logins.write ? [[remediate, logins.write] as const] : [])]
  for (const [role, { current, variable }] of of) {
    const isKept = current !== undefined && (await worksFor(current, role, adminUrl.pathname))
    did.push(isKept ? `${role}: the password in ${variable} is kept` : `${role}: new password, for ${variable}`)
  }
  return { did, warnings, env: {} }
}

/** The rights of PUBLIC apply to other users of the database too, so a person decides about them. */
async function askAndRevoke(p: Preparation, held: HeldByPublic[], { mayRevoke }: PrepareOptions): Promise<void> {
  if (held.length === 0) return
  if (await mayRevoke?.(held.map(revocation))) return revokeFromPublic(p, held)
  p.warnings.push(
    `the engine's logins have rights in this database that were granted to PUBLIC: ${held.map(({ right }) => right).join('; ')}. They were not revoked`,
  )
}

async function connect(connection: string, url: string): Promise<pg.Client> {
  const address = postgresAddress(connection, 'admin', url)
  try {
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 5_000,
      application_name: 'runbook prepare',
    })
    client.on('error', () => {})
    await client.connect()
    return client
  } catch (error) {
    throw postgresConnectError({ connection, address }, error)
  }
}

async function requirePrimary({ client }: Preparation): Promise<void> {
  const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica')
  if (rows[0]?.replica)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      'the admin address belongs to a read replica, on which no role can be created: use the address of the primary server. Roles are replicated, so the replica gets them too',
    )
}

/**
 * Roles belong to the whole server, not to one database, so the role's name contains the names of the database and the
 * connection.
 */
function roleName(connection: string, url: URL, purpose: string): string {
  const words = `runbook_${url.pathname.slice(1)}_${connection}`.toLowerCase().replace(/[^a-z0-9]+/g, '_')
  const full = `${words}_${purpose}`
  return full.length <= 63 ? full : `${words.slice(0, 40)}_${sha256Hex(full).slice(0, 8)}_${purpose}`
}

/** Keeps the current password if it works; otherwise sets a new one. */
async function login({ client, adminUrl, did, env }: Preparation, role: string, wanted: WantedLogin): Promise<void> {
  if (wanted.current && (await worksFor(wanted.current, role, adminUrl.pathname))) {
    env[wanted.variable] = wanted.current
    did.push(`${role}: the password in ${wanted.variable} works and is kept`)
    return
  }
  const password = randomBytes(24).toString('base64url')
  await client.query(`ALTER ROLE ${client.escapeIdentifier(role)} PASSWORD ${client.escapeLiteral(password)}`)
  const url = new URL(adminUrl)
  url.username = role
  url.password = password
  if (!(await worksFor(url.href, role, adminUrl.pathname)))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the new role ${role} cannot log in: check pg_hba.conf and the server's log`,
    )
  env[wanted.variable] = url.href
  did.push(`${role}: new password, for ${wanted.variable}`)
}

async function worksFor(url: string, role: string, database: string): Promise<boolean> {
  const parsed = postgresUrl(url)
  if (parsed?.username !== role || parsed.pathname !== database) return false
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 })
  client.on('error', () => {})
  try {
    await client.connect()
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}
