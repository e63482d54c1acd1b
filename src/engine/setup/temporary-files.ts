import type { ClientBase } from 'pg'
import type { Preparation } from './postgres-roles.ts'

/**
 * How much the sorts and joins of one check may write to the server's disk. Without a limit, one check can fill the
 * disk.
 */
const LIMIT = '1GB'
const LIMIT_KB = 1024 * 1024
const INSUFFICIENT_PRIVILEGE = '42501'

/**
 * Limits the temporary files of a role. This needs a superuser or a role with the right to SET the parameter; otherwise
 * it adds a warning.
 */
export async function limitTemporaryFiles({ client, did, warnings }: Preparation, role: string): Promise<void> {
  const current = await temporaryFileLimit(client)
  if (current !== undefined && current <= LIMIT_KB) {
    did.push(`${role}: the server limits temporary files to ${current} kB for each session`)
    return
  }
  const statement = `ALTER ROLE ${client.escapeIdentifier(role)} SET temp_file_limit = '${LIMIT}'`
  try {
    await client.query(statement)
    did.push(`${role}: at most ${LIMIT} of temporary files for each session`)
  } catch (error) {
    if ((error as { code?: unknown }).code !== INSUFFICIENT_PRIVILEGE) throw error
    warnings.push(
      `the admin login may not limit the temporary files of ${role}: a sort in a check can fill the server's disk. As a superuser, run ${statement}`,
    )
  }
}

/** The limit of temporary files for this session, in kB; undefined if there is no limit. */
export async function temporaryFileLimit(client: Pick<ClientBase, 'query'>): Promise<number | undefined> {
  const found = await client.query<{ setting: string }>(
    "SELECT setting FROM pg_settings WHERE name = 'temp_file_limit'",
  )
  const limit = Number(found.rows[0]?.setting ?? -1)
  return limit < 0 ? undefined : limit
}
