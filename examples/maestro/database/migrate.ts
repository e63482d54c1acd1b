import { readFileSync } from 'node:fs'
import type pg from 'pg'
import { STEP_TYPES } from '../workflows.ts'
import { inTransaction } from './connect.ts'

const SCHEMA = readFileSync(new URL('schema.sql', import.meta.url), 'utf8')

/** Creates the tables and the default settings of the step types. Keeps existing settings. Safe to run concurrently. */
export async function migrate(pool: pg.Pool): Promise<void> {
  await inTransaction(pool, async (client) => {
    await client.query(`SELECT pg_advisory_xact_lock(hashtext('maestro-migrate'))`)
    await client.query(SCHEMA)
    for (const [type, { timeoutMs, attempts, backoffMs }] of Object.entries(STEP_TYPES)) {
      await client.query(
        `INSERT INTO step_types (type, timeout_ms, attempts, backoff_ms) VALUES ($1, $2, $3, $4)
         ON CONFLICT (type) DO NOTHING`,
        [type, timeoutMs, attempts, backoffMs],
      )
    }
  })
}
