import { messageOf } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { ActionImplementation, GuardedWrite } from '../../src/effects/action-implementation.ts'
import { missingCommands, missingGrants, missingInLedger, refusesStatement } from '../../src/effects/missing-rights.ts'
import { beginReadOnly, withPostgres } from '../../src/targets/open-postgres.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import { hiddenFromWrite } from '../../src/targets/row-security-writes.ts'
import { otherTables } from '../../src/targets/table-schemas.ts'
import type { Targets } from '../../src/targets/targets.ts'

const TIMEOUT_MS = 3_000

/** What was read for one statement or connection. The actions of one proposal share it. */
export type KnownObstacles = Map<string, Promise<string | undefined>>

/**
 * A warning that the server of the write login would refuse the action now, or may refuse it; undefined if no reason is known. This
 * function only reads. The write login may connect to another server than the read login, for example to a replica.
 */
export async function writeObstacle(
  implementation: ActionImplementation,
  parameters: JsonObject,
  targets: Targets,
  known: KnownObstacles = new Map(),
  shown?: ActionPreview,
): Promise<string | undefined> {
  const once = (key: string[], read: () => Promise<string | undefined>) => {
    const id = JSON.stringify(key)
    const found = known.get(id) ?? read()
    known.set(id, found)
    return found
  }
  try {
    if (implementation.protocol === 'sql') {
      const write = implementation.write(parameters, shown)
      return await once([write.connection, write.update.text], () => postgresObstacle(targets, write))
    }
    if (implementation.protocol === 'script') {
      const connection = String(parameters['connection'])
      return await once([connection], () => redisObstacle(targets, connection))
    }
    return undefined
  } catch (error) {
    return refusedNow(`the write login cannot be used now: ${messageOf(error)}`)
  }
}

async function postgresObstacle(
  targets: Targets,
  { connection, update, needs, schemas }: GuardedWrite,
): Promise<string | undefined> {
  const target = await targets.postgres(connection, 'write')
  return withPostgres(target, async (client) => {
    await client.query(beginReadOnly(TIMEOUT_MS).join('; '))
    const { rows } = await client.query<{ replica: boolean }>('SELECT pg_is_in_recovery() AS replica')
    const others = await otherTables(client, schemas)
    const hidden = await hiddenFromWrite(client, { update, needs })
    const inLedger = target.ledger === 'target' ? await missingInLedger(client) : []
    const refusal = await refusesStatement(client, update)
    const missing = refusal === undefined ? [] : await missingGrants(client, needs)
    await client.query('ROLLBACK')
    if (rows[0]?.replica) return ofReplica(target.address)
    if (others !== undefined) return refusedNow(others)
    if (hidden.text !== '')
      return hidden.isCertain ? refusedNow(hidden.text) : `the action may be refused: ${hidden.text}`
    if (refusal !== undefined) return missingRight([missing.join('; ') || refusal, ...inLedger], connection)
    return inLedger.length > 0 ? missingRight(inLedger, connection) : undefined
  })
}

async function redisObstacle(targets: Targets, connection: string): Promise<string | undefined> {
  const target = await targets.bullmq(connection, 'write')
  // If the login may not use INFO, this check knows nothing about the server, and the script itself refuses to write on a replica.
  const info = await target.redis.info('replication').catch(() => '')
  if (/^role:slave/m.test(info)) return ofReplica(target.address)
  const missing = await missingCommands(target)
  return missing.length > 0 ? missingRight(missing, connection) : undefined
}

function refusedNow(why: string): string {
  return `the action would be refused now: ${why}`
}

function ofReplica(address: string): string {
  return refusedNow(
    `the write login connects to a replica (${address}), which refuses writes: use the address of the primary server`,
  )
}

function missingRight(rights: string[], connection: string): string {
  const lacks = `missing right: the write login lacks ${rights.join('; ')}`
  return refusedNow(`${lacks}. "runbook connection prepare ${connection}" grants what the actions need`)
}
