import type { PoolClient } from 'pg'
import { messageOf, RunbookError } from '../core/errors.ts'
import { connectPostgres } from '../targets/open-postgres.ts'
import type { PostgresTarget } from '../targets/targets.ts'
import { askPermit } from './ask-permit.ts'
import { boundedBy, deadlineIn, isPast } from './deadline.ts'
import { extendedQuery } from './extended-query.ts'
import type { Done, GuardedWrite } from './action-implementation.ts'
import { beginBounded } from './ledger.ts'
import { effectPlace, hasIntent, recordEffect, recordIntent } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'
import { sqlState, sqlVerdict } from './sql-errors.ts'
import { timeLimits, type TimeLimits } from './time-limits.ts'

/**
 * Applies a guarded write at most once in a database that does not allow our ledger: the intent is recorded first. An attempt that
 * finds an intent without an effect never writes; it looks whether the rows are as they should have become. One that stood still finds,
 * by the target's own clock, that its time is over: no ledger tells it what was recorded meanwhile.
 */
export async function applyUnledgeredSql(
  deps: EffectDeps,
  request: EffectRequest,
  write: GuardedWrite,
  target: PostgresTarget,
): Promise<EffectAnswer> {
  const place = effectPlace(request)
  const limits = timeLimits(request.timeoutMs)
  const record = async (done: Done) => ({ effect: await recordEffect(deps.database, { ...place, ...done }) })

  if (await hasIntent(deps.database, place)) return record(await observe(target, write))
  const deadline = await readDeadline(target, limits)
  const leave = await askPermit(deps, request, limits.leaseMs)
  if ('answer' in leave) return leave.answer
  // Also before a refusal: whoever comes later with an older permit must find that this effect is settled.
  if (!(await recordIntent(deps.database, place))) return record(await observe(target, write))
  if ('refused' in leave) return record({ result: 'refused', detail: leave.refused })
  return record(await writeOnce(target, write, deadline, limits))
}

/** Read before the permit is asked for, so that the lease ends later. Nothing was begun yet: what fails here is tried again. */
async function readDeadline(target: PostgresTarget, { deadlineMs }: TimeLimits): Promise<string> {
  const client = await connectPostgres(target)
  try {
    return await deadlineIn(client, deadlineMs)
  } finally {
    client.release()
  }
}

/** One attempt, in a transaction of its own. What did not work is refused, not tried again: the intent is spent. */
async function writeOnce(
  target: PostgresTarget,
  write: GuardedWrite,
  deadline: string,
  limits: TimeLimits,
): Promise<Done> {
  let client: PoolClient
  try {
    client = await connectPostgres(target)
  } catch (error) {
    return { result: 'refused', detail: `${messageOf(error)}; nothing was changed` }
  }
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  client.on('error', onError)
  try {
    // A lock is waited for as long as the statement may take: nobody tries again.
    await beginBounded(client, { ...limits, lockMs: limits.statementMs })
    const changed = (await client.query(extendedQuery(boundedBy(deadline, write)))).rowCount ?? 0
    const fits = changed === write.rows
    const late = !(fits && write.endsInWhere) && (await isPast(client, deadline))
    if (late || !fits) {
      await client.query('ROLLBACK')
      const why = late
        ? `the deadline passed before ${write.what} could be changed`
        : `${write.what} is no longer as diagnosed: ${changed} of ${write.rows} rows fit`
      return { result: 'refused', detail: `${why}, so nothing was changed` }
    }
    await client.query('COMMIT')
    return { result: 'applied', detail: `${changed} rows of ${write.what} changed`, observed: { rows: changed } }
  } catch (error) {
    broken ??= error as Error
    if (sqlVerdict(error) === 'lost') return await observe(target, write)
    return {
      result: 'refused',
      detail: `${write.what}: ${messageOf(error)} (SQLSTATE ${sqlState(error)}); nothing was changed`,
    }
  } finally {
    client.release(broken)
    client.removeListener('error', onError)
  }
}

/** What can be told afterwards: the rows are as they should have become, or nobody knows. */
async function observe(target: PostgresTarget, write: GuardedWrite): Promise<Done> {
  if (!write.observe)
    return { result: 'unknown', detail: `an attempt was begun; look what became of ${write.what}, then settle` }
  let count: number
  try {
    const found = await target.pool.query<{ count: string }>(write.observe.text, write.observe.values)
    count = Number(found.rows[0]?.count ?? 0)
  } catch (error) {
    if (sqlVerdict(error) !== 'refused')
      throw new RunbookError('RUNBOOK_UNREACHABLE', `${target.connection}: ${messageOf(error)}`, {}, error)
    return { result: 'unknown', detail: `an attempt was begun; what became of it cannot be read: ${messageOf(error)}` }
  }
  return count === write.rows
    ? { result: 'applied', detail: `${write.what} is as it should have become (observed)`, observed: { rows: count } }
    : {
        result: 'unknown',
        detail: `an attempt was begun and ${write.what} is not as it should have become (${count} of ${write.rows} rows): look, then settle`,
      }
}
