import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { messageOf, RunbookError } from '../core/errors.ts'
import { ADVISORY_LOCKS, lockSession } from './advisory-locks.ts'
import { unreachable } from './database.ts'

const FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url))

const PREPARE = `
DO $$ DECLARE wanted text; BEGIN
  -- Roles belong to the server, not to this database. They often exist already; then the owner needs no right to create roles.
  FOREACH wanted IN ARRAY ARRAY['runbook_application', 'runbook_reader'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN EXECUTE format('CREATE ROLE %I NOLOGIN', wanted); EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END;
    END IF;
  END LOOP;
END $$;
CREATE SCHEMA IF NOT EXISTS runbook;
CREATE TABLE IF NOT EXISTS runbook.migrations (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
GRANT USAGE ON SCHEMA runbook TO runbook_application, runbook_reader;
GRANT SELECT ON runbook.migrations TO runbook_application, runbook_reader;`

/**
 * Brings the engine's database (schema `runbook`) up to date, as its owner. Each numbered file runs once, in a transaction.
 * Returns the names of the files that this call applied. Several calls may run at the same time.
 */
export async function migrateHistory(ownerUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: ownerUrl, application_name: 'runbook migrate' })
  try {
    await client.connect()
  } catch (error) {
    throw new RunbookError(
      'RUNBOOK_UNREACHABLE',
      `the engine's database does not answer: ${messageOf(error)}`,
      {},
      error,
    )
  }
  try {
    // If several processes start at once, one of them migrates and the others wait here.
    await lockSession(client, ADVISORY_LOCKS.historyMigrations)
    await client.query(PREPARE)
    const done = new Set(
      (await client.query<{ name: string }>('SELECT name FROM runbook.migrations')).rows.map((row) => row.name),
    )
    const applied: string[] = []
    for (const name of await migrationNames()) {
      if (done.has(name)) continue
      await applyMigration(client, name)
      applied.push(name)
    }
    return applied
  } finally {
    await client.end()
  }
}

/** Throws `RUNBOOK_CONFIG` if the database lacks a migration that this version needs. */
export async function requireMigrated(pool: pg.Pool): Promise<void> {
  const applied = await pool
    .query<{ name: string }>('SELECT name FROM runbook.migrations')
    .then((result) => new Set(result.rows.map((row) => row.name)))
    .catch((error: { code?: string }) => {
      if (error.code === '42P01' || error.code === '3F000') return new Set<string>()
      throw unreachable(error)
    })
  const missing = (await migrationNames()).filter((name) => !applied.has(name))
  if (missing.length > 0)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the engine's database lacks these migrations: ${missing.join(', ')}. Run "runbook migrate" with the owner's URL.`,
    )
}

async function migrationNames(): Promise<string[]> {
  return (await readdir(FOLDER)).filter((name) => name.endsWith('.sql')).sort()
}

async function applyMigration(client: pg.Client, name: string): Promise<void> {
  await client.query('BEGIN')
  try {
    await client.query(await readFile(join(FOLDER, name), 'utf8'))
    await client.query('INSERT INTO runbook.migrations (name) VALUES ($1)', [name])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw new RunbookError('RUNBOOK_CONFIG', `migration ${name} failed: ${messageOf(error)}`, {}, error)
  }
}
