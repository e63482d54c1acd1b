import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { messageOf, RunbookError } from '../core/errors.ts'
import { ADVISORY_LOCKS, lockSession } from '../history/advisory-locks.ts'

const FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url))

const PREPARE = `
CREATE SCHEMA IF NOT EXISTS runbook_ledger;
CREATE TABLE IF NOT EXISTS runbook_ledger.migrations (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());`

/**
 * Creates the ledger in a diagnosed database, as its owner, and grants the engine's write role only what it needs there: read and
 * add effects; read, add and raise fences. Each numbered file runs once. Returns the names of the files that this call applied.
 * Throws RUNBOOK_UNREACHABLE, or RUNBOOK_CONFIG that names the file or role that failed.
 */
export async function prepareLedger(ownerUrl: string, role: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'runbook prepare' })
  try {
    await client.connect()
  } catch (error) {
    throw new RunbookError('RUNBOOK_UNREACHABLE', `the database does not answer: ${messageOf(error)}`, {}, error)
  }
  try {
    // If two processes prepare the same database at once, one of them migrates and the other waits here.
    await lockSession(client, ADVISORY_LOCKS.ledgerMigrations)
    await client.query(PREPARE)
    const applied = await migrate(client)
    await grant(client, role)
    return applied
  } finally {
    await client.end()
  }
}

async function migrate(client: pg.Client): Promise<string[]> {
  const found = await client.query<{ name: string }>('SELECT name FROM runbook_ledger.migrations')
  const done = new Set(found.rows.map((row) => row.name))
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith('.sql') && !done.has(name)).sort()
  for (const name of names) {
    const text = await readFile(join(FOLDER, name), 'utf8')
    await inTransaction(client, `ledger migration ${name} failed`, async () => {
      await client.query(text)
      await client.query('INSERT INTO runbook_ledger.migrations (name) VALUES ($1)', [name])
    })
  }
  return names
}

async function grant(client: pg.Client, role: string): Promise<void> {
  const to = pg.escapeIdentifier(role)
  await inTransaction(client, `could not grant the role ${role} its rights on the ledger`, async () => {
    await client.query(`REVOKE ALL ON ALL TABLES IN SCHEMA runbook_ledger FROM ${to}`)
    await client.query(`GRANT USAGE ON SCHEMA runbook_ledger TO ${to}`)
    await client.query(`GRANT SELECT, INSERT ON runbook_ledger.effects TO ${to}`)
    await client.query(`GRANT SELECT, INSERT, UPDATE (fence) ON runbook_ledger.fences TO ${to}`)
  })
}

async function inTransaction(client: pg.Client, failure: string, work: () => Promise<void>): Promise<void> {
  await client.query('BEGIN')
  try {
    await work()
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw new RunbookError('RUNBOOK_CONFIG', `${failure}: ${messageOf(error)}`, {}, error)
  }
}
