import type { DoctorFinding } from '../../core/doctor-finding.ts'
import type { Queryable } from '../../history/database.ts'
import { SESSION_LIMITS } from './provision.ts'

/** The settings of the engine's sessions in the engine's database, as `SHOW` prints them, and the role of these sessions. */
export interface DatabaseSettings {
  role: string
  settings: Record<string, string>
}

/** If one of these settings is off, PostgreSQL can confirm a commit and lose it when its server crashes. */
const DURABLE = ['synchronous_commit', 'fsync', 'full_page_writes']
/** The time limits that each session should have. The value `0` turns a limit off. */
const LIMITS = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'] as const

export async function readDatabaseSettings(db: Queryable): Promise<DatabaseSettings> {
  const found = await db.query<{ role: string; name: string; setting: string }>(
    'SELECT current_user::text AS role, name, setting FROM pg_settings WHERE name = ANY ($1)',
    [[...DURABLE, ...LIMITS]],
  )
  return {
    role: found.rows[0]?.role ?? '',
    settings: Object.fromEntries(found.rows.map(({ name, setting }) => [name, setting])),
  }
}

/** The changes that the settings of the engine's database need; undefined if they need none. */
export function databaseSettingsFinding({ role, settings }: DatabaseSettings): Omit<DoctorFinding, 'name'> | undefined {
  const lost = DURABLE.filter((name) => settings[name] === 'off')
  if (lost.length > 0)
    return {
      ok: false,
      detail: `answers, but a crash of its server can lose what was recorded: ${lost.map((name) => `${name} is off`).join(', ')}`,
      fix: `turn ${lost.join(', ')} on for the engine's database`,
    }
  const unlimited = LIMITS.filter((name) => settings[name] === '0')
  if (unlimited.length === 0) return undefined
  const name = `"${role.replaceAll('"', '""')}"`
  return {
    ok: true,
    warning: true,
    detail: `answers, up to date; sessions of ${role} have no ${unlimited.join(', ')}: a vanished worker may keep its locks for hours`,
    // oxlint-disable-next-line runbook/sql-text -- a statement for people; constants and a quoted name
    fix: unlimited.map((setting) => `ALTER ROLE ${name} SET ${setting} = '${SESSION_LIMITS[setting]}';`).join(' '),
  }
}
