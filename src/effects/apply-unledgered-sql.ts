import type { PoolClient } from 'pg'
import { messageOf, RunbookError } from '../core/errors.ts'
import { withFittingLists } from '../targets/list-values.ts'
import { withPostgres } from '../targets/open-postgres.ts'
import type { PostgresTarget } from '../targets/targets.ts'
import { requestPermit } from './request-permit.ts'
import { boundedBy, deadlineIn, isPast } from './deadline.ts'
import { extendedQuery } from './extended-query.ts'
import type { ActionResult, GuardedWrite } from './action-implementation.ts'
import { beginBounded } from './ledger.ts'
import { effectPlace, hasIntent, recordEffect, recordIntent } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'
import { sqlState, sqlVerdict } from './sql-errors.ts'
import { timeLimits, type TimeLimits } from './time-limits.ts'

/**
 * Applies a guarded write at most once in a database that does not allow our ledger: the intent is recorded first. An attempt that
 * finds an intent without an effect never writes; it reads whether the rows are as the write would have left them. A process that was
 * suspended finds, by the target's own clock, that its deadline has passed, and writes nothing.
 */
export async function applyUnledgeredSql(
  deps: EffectDeps,
  request: EffectRequest,
  write: GuardedWrite,
  target: PostgresTarget,
): Promise<EffectAnswer> {
  const place = effectPlace(request)
  const limits = timeLimits(request.timeoutMs)
  const record = async (done: ActionResult) => ({ effect: await recordEffect(deps.database, { ...place, ...done }) })

  if (await hasIntent(deps.database, place)) return record(await observe(target, write))
  const deadline = await readDeadline(target, limits)
  const permit = await requestPermit(deps, request, limits.leaseMs)
  // Another attempt may have started since the intent was looked for: its target must not be dropped.
  if ('answer' in permit)
    return !('effect' in permit.answer) && (await hasIntent(deps.database, place))
      ? record(await observe(target, write))
      : permit.answer
  // The intent is recorded before a refusal too: a later attempt with an older permit must find that this effect is settled.
  if (!(await recordIntent(deps.database, place))) return record(await observe(target, write))
  if ('refused' in permit) return record({ result: 'refused', detail: permit.refused })
  return record(await writeOnce(target, write, deadline, limits))
}

/** Read before the permit is requested, so that the lease ends later. An error here changes nothing, and the caller tries again. */
async function readDeadline(target: PostgresTarget, { deadlineMs }: TimeLimits): Promise<string> {
  return withPostgres(target, (client) => deadlineIn(client, deadlineMs))
}

/** One attempt, in its own transaction. An error is `refused` and not tried again, because the intent can be used only once. */
async function writeOnce(
  target: PostgresTarget,
  write: GuardedWrite,
  deadline: string,
  limits: TimeLimits,
): Promise<ActionResult> {
  let connected = false
  try {
    return await withPostgres(target, (client) => {
      connected = true
      return writeInTransaction(client, write, deadline, limits)
    })
  } catch (error) {
    if (!connected) return { result: 'refused', detail: `${messageOf(error)}; nothing was changed` }
    if (sqlVerdict(error) === 'lost') return observe(target, write)
    return {
      result: 'refused',
      detail: `${write.what}: ${messageOf(error)} (SQLSTATE ${sqlState(error)}); nothing was changed`,
    }
  }
}

async function writeInTransaction(
  client: PoolClient,
  write: GuardedWrite,
  deadline: string,
  limits: TimeLimits,
): Promise<ActionResult> {
  // Nobody tries again, so this attempt waits for a lock as long as its statement may take.
  await beginBounded(client, { ...limits, lockMs: limits.statementMs })
  const statement = await withFittingLists(client, boundedBy(deadline, write))
  const changed = (await client.query(extendedQuery(statement))).rowCount ?? 0
  const matches = changed === write.rows
  const late = !(matches && write.endsInWhere) && (await isPast(client, deadline))
  if (late || !matches) {
    await client.query('ROLLBACK')
    const why = late
      ? `the deadline passed before ${write.what} could be changed`
      : `${write.what} is no longer as diagnosed: ${changed} of ${write.rows} rows match`
    return { result: 'refused', detail: `${why}, so nothing was changed` }
  }
  await client.query('COMMIT')
  return { result: 'applied', detail: `${changed} rows of ${write.what} changed`, observed: { rows: changed } }
}

const STARTED = 'an attempt started; its outcome is unknown'

/** Reads whether the rows are as the write would have left them: `applied`, or `unknown`. */
async function observe(target: PostgresTarget, write: GuardedWrite): Promise<ActionResult> {
  if (!write.observe) return { result: 'unknown', detail: `${STARTED}. Check ${write.what}, then run "runbook settle"` }
  let count: number
  try {
    const { observe: select } = write
    const found = await withPostgres(target, async (client) =>
      client.query<{ count: string }>(extendedQuery(await withFittingLists(client, select))),
    )
    count = Number(found.rows[0]?.count ?? 0)
  } catch (error) {
    if (sqlVerdict(error) !== 'refused')
      throw new RunbookError('RUNBOOK_UNREACHABLE', `${target.connection}: ${messageOf(error)}`, {}, error)
    return { result: 'unknown', detail: `${STARTED}, and the rows cannot be read: ${messageOf(error)}` }
  }
  return count === write.rows
    ? {
        result: 'applied',
        detail: `${write.what} is as the write would have left it (observed)`,
        observed: { rows: count },
      }
    : {
        result: 'unknown',
        detail: `${STARTED}: ${count} of ${write.rows} rows of ${write.what} are as the write would have left them. Check them, then run "runbook settle"`,
      }
}
