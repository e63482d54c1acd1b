import type { PoolClient } from 'pg'
import { defined } from '../core/defined.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { withFittingLists } from '../targets/list-values.ts'
import { withPostgres } from '../targets/open-postgres.ts'
import type { PostgresTarget } from '../targets/targets.ts'
import { requestPermit } from './request-permit.ts'
import { deadlineIn } from './deadline.ts'
import { extendedQuery } from './extended-query.ts'
import { changedRows, runGuardedWrite } from './guarded-write.ts'
import type { ActionResult, GuardedWrite } from './action-implementation.ts'
import { beginBounded } from './ledger.ts'
import { effectPlace, hasIntent, recordEffect, recordIntent } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'
import { sqlReason, sqlVerdict } from './sql-errors.ts'
import { requirePrimary } from './standby.ts'
import { timeLimits, type TimeLimits } from './time-limits.ts'

/**
 * Applies a guarded write at most once in a database that does not allow a ledger. The intent is recorded first. An attempt that finds an
 * intent without an effect never writes; it only reads whether the rows are as the write would have left them. If a process was suspended
 * until its deadline has passed, by the target's clock, it writes nothing.
 */
export async function applyUnledgeredSql(
  deps: EffectDeps,
  request: EffectRequest,
  write: GuardedWrite,
  target: PostgresTarget,
): Promise<EffectAnswer> {
  const place = effectPlace(request)
  const record = async (done: ActionResult) => ({ effect: await recordEffect(deps.database, { ...place, ...done }) })

  if (await hasIntent(deps.database, place)) return record(await observe(target, write))
  const outcome = await attempt(deps, request, write, target)
  if (outcome === 'observe') return record(await observe(target, write))
  return 'result' in outcome ? record(outcome) : outcome
}

/**
 * The result of an attempt. `observe` means that an earlier attempt started, so the rows must be read to find its outcome. An
 * `EffectAnswer` is an answer that is not an effect.
 */
type Outcome = ActionResult | EffectAnswer | 'observe'

/**
 * One attempt, on one connection. The connection is acquired before the intent is recorded, because the intent can be
 * used only once. After the intent, an error makes the effect `refused`, and nobody tries again. Before the intent, an
 * error is thrown, and the caller tries again.
 */
async function attempt(
  deps: EffectDeps,
  request: EffectRequest,
  write: GuardedWrite,
  target: PostgresTarget,
): Promise<Outcome> {
  const limits = timeLimits(request.timeoutMs)
  let isIntended = false
  try {
    return await withPostgres(target, async (client): Promise<Outcome> => {
      // A standby would refuse the write after the intent, and the effect would stay refused.
      await requirePrimary(client, target)
      // The deadline is computed before the permit is requested, so that the lease ends after the deadline.
      const deadline = await deadlineIn(client, limits.deadlineMs)
      const permit = await requestPermit(deps, request, limits.leaseMs)
      // Another attempt may have recorded an intent since this attempt checked. Then the outcome must be observed, because the interpreter
      // drops a target without an effect.
      if ('answer' in permit)
        return !('effect' in permit.answer) && (await hasIntent(deps.database, effectPlace(request)))
          ? 'observe'
          : permit.answer
      // The intent is recorded before a refusal too, because a later attempt with an older permit must find that this effect already has a
      // result.
      if (!(await recordIntent(deps.database, effectPlace(request)))) return 'observe'
      if ('refused' in permit) return { result: 'refused', detail: permit.refused }
      isIntended = true
      return writeInTransaction(client, write, deadline, { ...limits, redact: target.redact })
    })
  } catch (error) {
    if (!isIntended) throw error
    if (sqlVerdict(error) === 'lost') return 'observe'
    return {
      result: 'refused',
      detail: `${write.what}: ${sqlReason(error)}; nothing was changed`,
    }
  }
}

async function writeInTransaction(
  client: PoolClient,
  write: GuardedWrite,
  deadline: string,
  { redact, ...limits }: TimeLimits & { redact: string[] },
): Promise<ActionResult> {
  // No later attempt follows, so this one waits for a lock for as long as its statement may take.
  await beginBounded(client, { ...limits, lockMs: limits.statementMs })
  const written = await runGuardedWrite(client, write, deadline, redact)
  if ('late' in written || 'refused' in written) {
    await client.query('ROLLBACK')
    const why = 'late' in written ? `the deadline passed before ${write.what} could be changed` : written.refused
    return { result: 'refused', detail: `${why}, so nothing was changed` }
  }
  await client.query('COMMIT')
  return { result: 'applied', detail: changedRows(write), observed: defined({ rows: write.rows, ...written }) }
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
    return {
      result: 'unknown',
      detail: `${STARTED}, and the rows cannot be read: ${messageOf(error)}. Check the rows, then run "runbook settle"`,
    }
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
