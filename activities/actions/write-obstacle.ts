import { messageOf } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { grantsOfAction, type ColumnGrant } from '../../src/core/needed-grants.ts'
import type { ActionImplementation, Statement } from '../../src/effects/action-implementation.ts'
import { missingCommands, missingGrants, missingInLedger, refusesStatement } from '../../src/effects/missing-rights.ts'
import { beginReadOnly, withPostgres } from '../../src/targets/open-postgres.ts'
import { hiddenFromWrite } from '../../src/targets/row-security.ts'
import type { Targets } from '../../src/targets/targets.ts'

const TIMEOUT_MS = 3_000

/** What was read for one statement or connection: the actions of one proposal share it. */
export type KnownObstacles = Map<string, Promise<string | undefined>>

/**
 * Why the server of the write login would refuse any action now; undefined if no reason is known. This only reads. The
 * write login may belong to another server than the read login, for example to a replica.
 */
export async function writeObstacle(
  kind: string,
  implementation: ActionImplementation,
  parameters: JsonObject,
  targets: Targets,
  known: KnownObstacles = new Map(),
): Promise<string | undefined> {
  const once = (key: string[], read: () => Promise<string | undefined>) => {
    const id = JSON.stringify(key)
    const found = known.get(id) ?? read()
    known.set(id, found)
    return found
  }
  try {
    if (implementation.protocol === 'sql') {
      const { connection, update } = implementation.write(parameters)
      const grants = grantsOfAction(kind, parameters)
      return await once([connection, update.text], () => postgresObstacle(targets, connection, update, grants))
    }
    if (implementation.protocol === 'script') {
      const connection = String(parameters['connection'])
      return await once([connection], () => redisObstacle(targets, connection))
    }
    return undefined
  } catch (error) {
    return `the write login cannot be used now: ${messageOf(error)}`
  }
}

async function postgresObstacle(
  targets: Targets,
  connection: string,
  update: Statement,
  grants: ColumnGrant[],
): Promise<string | undefined> {
  const target = await targets.postgres(connection, 'write')
  return withPostgres(target, async (client) => {
    await client.query(beginReadOnly(TIMEOUT_MS).join('; '))
    const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica')
    const hidden = await hiddenFromWrite(client, update.text)
    const inLedger = target.ledger === 'target' ? await missingInLedger(client) : []
    const refusal = await refusesStatement(client, update)
    const missing = refusal === undefined ? [] : await missingGrants(client, grants)
    await client.query('ROLLBACK')
    if (rows[0]?.replica)
      return `the write login is of a replica (${target.address}), which refuses writes: use the address of its primary`
    if (hidden !== '') return hidden
    if (refusal !== undefined) return missingRight([missing.join('; ') || refusal, ...inLedger], connection)
    return inLedger.length > 0 ? missingRight(inLedger, connection) : undefined
  })
}

async function redisObstacle(targets: Targets, connection: string): Promise<string | undefined> {
  const target = await targets.bullmq(connection, 'write')
  // If the login may not use INFO, nothing is known here, and the script itself refuses on a replica.
  const info = await target.redis.info('replication').catch(() => '')
  if (/^role:slave/m.test(info))
    return `the write login is of a replica (${target.address}), which refuses writes: use the address of its primary`
  const missing = await missingCommands(target)
  return missing.length > 0 ? missingRight(missing, connection) : undefined
}

function missingRight(rights: string[], connection: string): string {
  return `missing right: the write login lacks ${rights.join('; ')}. "runbook connection prepare ${connection}" grants what the actions need`
}
