import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { messageOf, RunbookError } from '../core/errors.ts'
import { unreachable } from './database.ts'

const FOLDER = fileURLToPath(new URL('./migrations/', import.meta.url))
/** Several processes may start at once; one migrates, the others wait here. Any number will do, if it is ours alone. */
const ADVISORY_LOCK = 7_214_455_001

const PREPARE = `
DO $$ DECLARE wanted text; BEGIN
  -- The server's, not this database's: often they are there, and an owner who may not make roles needs none.
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
 * Returns the names that were applied now. Safe when several start at once.
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
    await client.query('SELECT pg_advisory_lock($1)', [ADVISORY_LOCK])
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

/** Throws `RUNBOOK_CONFIG` when the database was not migrated to what this version needs. */
export async function requireMigrated(pool: pg.Pool): Promise<void> {
  const there = await pool
    .query<{ name: string }>('SELECT name FROM runbook.migrations')
    .then((result) => new Set(result.rows.map((row) => row.name)))
    .catch((error: { code?: string }) => {
      if (error.code === '42P01' || error.code === '3F000') return new Set<string>()
      throw unreachable(error)
    })
  const missing = (await migrationNames()).filter((name) => !there.has(name))
  if (missing.length > 0)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the engine's database lacks ${missing.join(', ')}: run "runbook migrate" with the owner's URL`,
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
