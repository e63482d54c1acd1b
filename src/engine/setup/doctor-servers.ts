import type { BullmqConnection, PostgresConnection, RedisConnection } from '../../config/config.ts'
import type { Secret } from '../../config/secret.ts'
import { messageOf } from '../../core/errors.ts'
import type { ColumnGrant } from '../../core/needed-grants.ts'
import { missingCommands, missingGrants, missingInLedger } from '../../effects/missing-rights.ts'
import { clockDifferenceMs, MAX_CLOCK_DIFFERENCE_MS } from '../../targets/clock-difference.ts'
import { explainRedis } from '../../targets/explain-redis.ts'
import { beginReadOnly, withPostgres } from '../../targets/open-postgres.ts'
import { hiddenTables } from '../../targets/hidden-tables.ts'
import { hiddenFromWrite } from '../../targets/row-security-writes.ts'
import { securedTables, tableList } from '../../targets/row-security.ts'
import type { Access, BullmqTarget, RedisTarget, Targets } from '../../targets/targets.ts'
import {
  POSTGRES_LIMITS,
  postgresUse,
  redisUse,
  tooManyConnections,
  type LoginUse,
  type PostgresLimits,
  type Processes,
} from './doctor-connection-limits.ts'
import { whereAddressIs } from './doctor-reason.ts'
import { temporaryFileLimit } from './temporary-files.ts'

/** What checks cannot see on a server or what actions cannot do there, and how to change that. */
export interface Limitation {
  detail: string
  fix: string
}

/** What the engine needs on a server. */
export interface Needs {
  processes: Processes
  grants: ColumnGrant[]
  /**
   * Receives the number of connections that all processes may open with each login, so that the numbers of several connections with one
   * server can be added.
   */
  onUse(use: LoginUse): void
}

const TIMEOUT_MS = 3_000
const PRIMARY = 'use the address of the primary server'

/** Finds what the two logins of a PostgreSQL connection cannot see or do. Changes nothing. Throws if the read login cannot be used. */
export async function postgresLimitations(
  targets: Targets,
  name: string,
  connection: PostgresConnection,
  { processes, grants, onUse }: Needs,
): Promise<Limitation[]> {
  const read = await readState(targets, name, 'read')
  const found: Limitation[] = []
  if (read.clockMs > MAX_CLOCK_DIFFERENCE_MS)
    found.push({
      detail: `the clocks of this machine and of the server differ by ${Math.round(read.clockMs / 1000)} s, so checks that use the server's clock fail while the worker's clock differs from it`,
      fix: 'correct the clock that is wrong',
    })
  if (read.replica)
    found.push({
      detail: `the read login connects to a replica, whose last change is ${read.lag ?? 'an unknown time'} old`,
      fix: `accept that checks may see old data, or ${PRIMARY}`,
    })
  if (!read.monitor)
    found.push({
      detail: 'the read login is not a member of pg_monitor, so checks cannot see statements and locks of other users',
      fix: 'GRANT pg_monitor TO the role of the read login',
    })
  if (read.hidden !== '')
    found.push({
      detail: `row-level security hides rows of ${read.hidden} from the read login, so checks of these tables fail`,
      fix: 'create a policy FOR SELECT TO the role of the read login USING (true) on each of these tables',
    })
  if (read.unread !== undefined)
    found.push({
      detail: `the read login may not read ${read.unread}, so checks of them fail`,
      fix: `if runbooks need them: "runbook connection prepare ${name} --schema <schema>", with one --schema for each schema that may be read`,
    })
  if (read.fileLimit === undefined)
    found.push({
      detail: "the temporary files of the read login are not limited, so a sort in a check can fill the server's disk",
      fix: `run "runbook connection prepare ${name}", or as a superuser ALTER ROLE <read login> SET temp_file_limit = '1GB'`,
    })
  const uses: LoginUse[] = []
  const use = (access: Access, limits: PostgresLimits) =>
    uses.push(postgresUse(name, access, connection, limits, processes))
  use('read', read.limits)
  if (connection.write)
    found.push(
      ...(await writeLimitations(connection.write, async () => [
        ...(await postgresWrite(targets, name, (limits) => use('write', limits))),
        ...missingRights(name, await missingInPostgres(targets, name, connection, grants)),
      ])),
    )
  for (const one of uses) onUse(one)
  found.push(...tooManyConnections(uses, processes))
  return found
}

async function postgresWrite(
  targets: Targets,
  name: string,
  onLimits: (write: PostgresLimits) => void,
): Promise<Limitation[]> {
  const { replica, hiddenFromWrite: hidden, limits } = await readState(targets, name, 'write')
  onLimits(limits)
  return [
    ...(replica ? [{ detail: 'the write login connects to a replica, which refuses writes', fix: PRIMARY }] : []),
    ...(hidden.text === ''
      ? []
      : [
          {
            detail: `actions ${hidden.isCertain ? 'are' : 'may be'} refused: ${hidden.text}`,
            fix: 'create the policy',
          },
        ]),
  ]
}

async function missingInPostgres(
  targets: Targets,
  name: string,
  { ledger }: PostgresConnection,
  grants: ColumnGrant[],
): Promise<string[]> {
  return withPostgres(await targets.postgres(name, 'write'), async (client) => {
    await client.query(beginReadOnly(TIMEOUT_MS).join('; '))
    const found = [
      ...(await missingGrants(client, grants)),
      ...(ledger === 'target' ? await missingInLedger(client) : []),
    ]
    await client.query('ROLLBACK')
    return found
  })
}

function missingRights(name: string, missing: string[]): Limitation[] {
  if (missing.length === 0) return []
  return [
    {
      detail: `actions of the runbooks are refused: the write login lacks ${missing.join('; ')}`,
      fix: `run "runbook connection prepare ${name}"; with --dry-run it shows what it would grant`,
    },
  ]
}

/** Reads within a transaction, so that the test fails if a pooler allows no transactions, or sends each statement to another server. */
async function readState(targets: Targets, name: string, access: Access) {
  return withPostgres(await targets.postgres(name, access), async (client) => {
    await client.query(beginReadOnly(TIMEOUT_MS).join('; '))
    const { rows } = await client.query<{ replica: boolean; lag: string | null; monitor: boolean }>(
      `SELECT pg_is_in_recovery() AS replica, pg_has_role(current_user, 'pg_monitor', 'USAGE') AS monitor,
              date_trunc('second', clock_timestamp() - pg_last_xact_replay_timestamp())::text AS lag`,
    )
    const clockMs = await clockDifferenceMs(client)
    const hidden = tableList((await securedTables(client)).filter(({ showsAll }) => !showsAll))
    const unread = await hiddenTables(client)
    const fileLimit = await temporaryFileLimit(client)
    const limits = (await client.query<PostgresLimits>(POSTGRES_LIMITS)).rows[0]!
    const state = {
      ...rows[0]!,
      clockMs,
      hidden,
      unread,
      fileLimit,
      limits,
      hiddenFromWrite: access === 'write' ? await hiddenFromWrite(client) : { text: '', isCertain: true },
    }
    await client.query('ROLLBACK')
    return state
  })
}

/** Finds what the two logins of a Redis connection cannot see or do. Changes nothing. Throws if the read login cannot be used. */
export async function redisLimitations(
  targets: Targets,
  name: string,
  connection: BullmqConnection | RedisConnection,
  { processes, onUse }: Pick<Needs, 'processes' | 'onUse'>,
): Promise<Limitation[]> {
  const isQueue = connection.kind === 'bullmq'
  const open = (access: Access) => (isQueue ? targets.bullmq(name, access) : targets.redis(name, access))
  const read = await open('read')
  const found: Limitation[] = []
  const role = await roleOf(read)
  if (role === 'replica')
    found.push({ detail: 'the read login connects to a replica, so the number of workers is unknown', fix: PRIMARY })
  if (role === 'unknown')
    found.push({
      detail: 'the read login may not use INFO, so the number of workers is unknown and redis.info fails',
      fix: 'allow the login to use INFO',
    })
  // A login that may not use INFO is reported above.
  const sections = await Promise.all(['server', 'clients'].map((section) => read.redis.info(section).catch(() => '')))
  const use = redisUse(name, connection, sections.join('\n'), processes)
  if (use) {
    onUse(use)
    found.push(...tooManyConnections([use], processes))
  }
  const refusal = isQueue ? await refusalOf(() => read.redis.client('LIST')) : undefined
  if (refusal !== undefined)
    found.push({
      detail: `the number of workers is unknown: CLIENT LIST: ${refusal}`,
      fix: 'allow the login to use CLIENT LIST, if the server offers that command',
    })
  if (connection.write && isQueue)
    found.push(
      ...(await writeLimitations(connection.write, async () => redisWrite(name, await targets.bullmq(name, 'write')))),
    )
  return found
}

async function redisWrite(name: string, write: BullmqTarget): Promise<Limitation[]> {
  return [
    ...((await roleOf(write)) === 'replica'
      ? [{ detail: 'the write login connects to a replica, which refuses writes', fix: PRIMARY }]
      : []),
    ...missingRights(name, await missingCommands(write)),
  ]
}

async function roleOf({ redis }: RedisTarget): Promise<'primary' | 'replica' | 'unknown'> {
  const info = await redis.info('replication').catch(() => '')
  if (/^role:slave/m.test(info)) return 'replica'
  return /^role:master/m.test(info) ? 'primary' : 'unknown'
}

async function refusalOf(command: () => Promise<unknown>): Promise<string | undefined> {
  return command().then(
    () => undefined,
    (error: unknown) => explainRedis(error),
  )
}

/** Reports a write login that cannot be used as a limitation. It does not throw, because checks work without the write login. */
async function writeLimitations(write: Secret, read: () => Promise<Limitation[]>): Promise<Limitation[]> {
  try {
    return await read()
  } catch (error) {
    return [
      {
        detail: `the write login cannot be used: ${messageOf(error)}`,
        fix: `correct the address in ${whereAddressIs(write, 'write')}`,
      },
    ]
  }
}
