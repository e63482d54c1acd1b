import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { migrateHistory } from '../../history/migrate.ts'

export interface ProvisionedDatabase {
  /** The address of the login that owns the schema, for migrations. */
  ownerUrl: string
  /** The address of the login of the engine's processes, which may add rows to the history but not change them. */
  applicationUrl: string
}

/**
 * Time limits that the server enforces for every session of the engine, so that a process that stopped, or whose host
 * vanished, does not keep its locks. The engine's transactions set shorter limits.
 */
export const SESSION_LIMITS = {
  statement_timeout: '60s',
  lock_timeout: '10s',
  idle_in_transaction_session_timeout: '60s',
  tcp_keepalives_idle: '10',
  tcp_keepalives_interval: '5',
  tcp_keepalives_count: '3',
} as const

/**
 * Creates the engine's database with an owner and an application login, and migrates the database. It can be called again: with the same
 * passwords, the addresses stay valid. Different `names` allow several engines on one server.
 */
export async function provisionEngineDatabase(
  superuserUrl: string,
  names: { database: string; owner: string; application: string },
  passwords: { owner?: string; application?: string } = {},
): Promise<ProvisionedDatabase> {
  const owner = { role: names.owner, password: passwords.owner ?? newPassword() }
  const application = { role: names.application, password: passwords.application ?? newPassword() }
  await withClient(superuserUrl, async (client) => {
    await ensureLogin(client, owner)
    await ensureLogin(client, application)
    for (const [setting, value] of Object.entries(SESSION_LIMITS))
      await client.query(
        `ALTER ROLE ${client.escapeIdentifier(application.role)} SET ${client.escapeIdentifier(setting)} = ${client.escapeLiteral(value)}`,
      )
    await ensureDatabase(client, names.database, owner.role)
  })
  const ownerUrl = urlFor(superuserUrl, owner, names.database)
  await withClient(urlFor(superuserUrl, undefined, names.database), async (client) => {
    // Group roles belong to the whole server: the superuser creates them, so that the owner needs no right to create roles.
    for (const role of ['runbook_application', 'runbook_reader'])
      await client.query(
        `DO $$ BEGIN CREATE ROLE ${role} NOLOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
      )
    await client.query(`GRANT runbook_application TO ${client.escapeIdentifier(application.role)}`)
    await client.query(`REVOKE ALL ON DATABASE ${client.escapeIdentifier(names.database)} FROM PUBLIC`)
    await client.query(
      `GRANT CONNECT ON DATABASE ${client.escapeIdentifier(names.database)} TO ${client.escapeIdentifier(application.role)}`,
    )
  })
  await migrateHistory(ownerUrl)
  return { ownerUrl, applicationUrl: urlFor(superuserUrl, application, names.database) }
}

/** Creates a database and its owner, for the example system. */
export async function provisionDatabase(
  superuserUrl: string,
  database: string,
  owner: string,
  password = newPassword(),
): Promise<string> {
  await withClient(superuserUrl, async (client) => {
    await ensureLogin(client, { role: owner, password })
    await ensureDatabase(client, database, owner)
  })
  return urlFor(superuserUrl, { role: owner, password }, database)
}

export function newPassword(): string {
  return randomBytes(24).toString('base64url')
}

/** The password in the URL of an earlier call, so that the password can be kept. */
export function passwordIn(url: string | undefined): { owner?: string } | undefined {
  const password = url === undefined ? '' : decodeURIComponent(new URL(url).password)
  return password === '' ? undefined : { owner: password }
}

interface Login {
  role: string
  password: string
}

async function ensureLogin(client: pg.Client, { role, password }: Login): Promise<void> {
  const name = client.escapeIdentifier(role)
  await client.query(
    `DO $$ BEGIN CREATE ROLE ${name} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$`,
  )
  await client.query(`ALTER ROLE ${name} LOGIN NOCREATEROLE PASSWORD ${client.escapeLiteral(password)}`)
}

async function ensureDatabase(client: pg.Client, database: string, owner: string): Promise<void> {
  const existing = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database])
  if (existing.rowCount === 0)
    await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)} OWNER ${client.escapeIdentifier(owner)}`)
}

function urlFor(superuserUrl: string, login: Login | undefined, database: string): string {
  const url = new URL(superuserUrl)
  if (login) {
    url.username = login.role
    url.password = login.password
  }
  url.pathname = `/${database}`
  return url.href
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await work(client)
  } finally {
    await client.end()
  }
}
