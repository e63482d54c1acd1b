import type pg from 'pg'
import { effectKey } from '../core/effect.ts'
import { isRunbookError, messageOf, RunbookError } from '../core/errors.ts'
import { engineId } from '../history/engine-id.ts'
import { connectPostgres } from '../targets/open-postgres.ts'
import type { PostgresTarget } from '../targets/targets.ts'
import { askPermit } from './ask-permit.ts'
import { boundedBy, deadlineIn, isPast } from './deadline.ts'
import { extendedQuery } from './extended-query.ts'
import type { Done, GuardedWrite } from './action-implementation.ts'
import { beginBounded, enterLedger, raiseFence, type LedgerEntry, type Standing } from './ledger.ts'
import { effectPlace, recordEffect, storedEffect } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'
import { sqlState, sqlVerdict } from './sql-errors.ts'
import { timeLimits, type TimeLimits } from './time-limits.ts'

/** One attempt at one effect in a database that keeps our ledger. */
interface Attempt {
  deps: EffectDeps
  /** Its id stands before the lease's name in the fence, as in the effect's key. */
  engine: string
  request: EffectRequest
  write: GuardedWrite
  target: PostgresTarget
  entry: LedgerEntry
  limits: TimeLimits
}

/**
 * Applies a guarded write exactly once. The ledger's entry and the change are committed together, so the entry says whether it was
 * applied, whoever asks and whenever. Twins of one effect queue up at the entry's key.
 *
 * Throws what is to be tried again: the attempt left nothing behind, or what it left will be found in the ledger.
 */
export async function applySql(
  deps: EffectDeps,
  request: EffectRequest,
  write: GuardedWrite,
  target: PostgresTarget,
): Promise<EffectAnswer> {
  const engine = await engineId(deps.database)
  const entry: LedgerEntry = {
    key: effectKey(engine, request.gate, request.action.id, request.action.target),
    digest: request.proposalDigest,
    rows: write.rows,
    detail: `${write.rows === 1 ? '1 row' : `${write.rows} rows`} of ${write.what} changed`,
  }
  const attempt: Attempt = { deps, engine, request, write, target, entry, limits: timeLimits(request.timeoutMs) }
  const outcome = await onConnection(target, (client) => inTransaction(attempt, client)).catch(
    async (error: unknown): Promise<Outcome> => {
      if (error instanceof CommitInDoubt) return { standing: await lookInLedger(attempt) }
      throw error
    },
  )
  return 'answer' in outcome ? outcome.answer : record(attempt, doneBy(entry, outcome.standing))
}

/** `answer`: recorded already, or not an effect. `standing`: what the ledger says. */
type Outcome = { answer: EffectAnswer } | { standing: Standing }

/** The connection broke after COMMIT was sent and before its answer came. */
class CommitInDoubt extends Error {}

async function inTransaction(attempt: Attempt, client: pg.PoolClient): Promise<Outcome> {
  const { deps, engine, request, limits, write } = attempt
  await beginBounded(client, limits)
  const standing = await enterOrRefuse(attempt, client)
  if (standing) {
    await client.query('ROLLBACK')
    return standing
  }
  // An attempt that was refused had the key before us: it recorded that before it let go.
  const stored = await storedEffect(deps.database, effectPlace(request))
  if (stored) return rolledBack(client, { effect: stored })

  const deadline = await deadlineIn(client, limits.deadlineMs)
  const leave = await askPermit(deps, request, limits.leaseMs)
  if ('answer' in leave) return rolledBack(client, leave.answer)
  if ('refused' in leave) return refuse(attempt, client, leave.refused)
  if (!(await raiseFence(client, `${engine}/${leave.lease}`, leave.fence)))
    throw new RunbookError('RUNBOOK_CONFLICT', `the lease ${leave.lease} was lost to a later permit; asking again`)

  const failure = await writeBefore(client, write, deadline)
  if (failure) return refuse(attempt, client, failure)
  return commit(attempt, client)
}

async function enterOrRefuse(attempt: Attempt, client: pg.PoolClient): Promise<Outcome | undefined> {
  try {
    const standing = await enterLedger(client, attempt.entry)
    return standing && { standing }
  } catch (error) {
    if (!isRunbookError(error, 'RUNBOOK_CONFIG')) throw error
    return { answer: await record(attempt, { result: 'refused', detail: error.message }) }
  }
}

/** Undefined: the rows were changed. A text: why the write is refused for good. Throws what is to be tried again. */
async function writeBefore(client: pg.PoolClient, write: GuardedWrite, deadline: string): Promise<string | undefined> {
  let changed: number
  try {
    changed = (await client.query(extendedQuery(boundedBy(deadline, write)))).rowCount ?? 0
  } catch (error) {
    if (sqlVerdict(error) === 'refused') return `${write.what}: ${messageOf(error)} (SQLSTATE ${sqlState(error)})`
    throw error
  }
  if (changed === write.rows && write.endsInWhere) return undefined
  if (await isPast(client, deadline))
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `the deadline passed before ${write.what} could be changed; trying again`,
    )
  if (changed === write.rows) return undefined
  return `${write.what} is no longer as diagnosed: ${changed} of ${write.rows} rows fit, so nothing was changed`
}

async function commit(attempt: Attempt, client: pg.PoolClient): Promise<Outcome> {
  const { entry, write, limits } = attempt
  try {
    // Deferred constraints speak now, while a refusal can still be recorded under the key's lock.
    await client.query('SET CONSTRAINTS ALL IMMEDIATE')
  } catch (error) {
    if (sqlVerdict(error) === 'refused') return refuse(attempt, client, `${write.what}: ${messageOf(error)}`)
    throw error
  }
  try {
    const committed: pg.QueryConfig & { query_timeout: number } = { text: 'COMMIT', query_timeout: limits.statementMs }
    await client.query(committed)
  } catch (error) {
    if (sqlVerdict(error) === 'lost') throw new CommitInDoubt(messageOf(error), { cause: error })
    throw error
  }
  return { standing: entry }
}

/** Records the refusal while this attempt still holds the key, then gives it up. Nothing was changed. */
async function refuse(attempt: Attempt, client: pg.PoolClient, detail: string): Promise<Outcome> {
  const effect = { ...effectPlace(attempt.request), result: 'refused' as const, detail }
  const stored = await recordEffect(attempt.deps.database, effect, () => stillHeld(client))
  return rolledBack(client, { effect: stored })
}

async function rolledBack(client: pg.PoolClient, answer: EffectAnswer): Promise<Outcome> {
  await client.query('ROLLBACK')
  return { answer }
}

/** A transaction that failed still holds its locks, and says so with 25P02. */
async function stillHeld(client: pg.PoolClient): Promise<void> {
  try {
    await client.query('SELECT 1')
  } catch (error) {
    if (sqlState(error) !== '25P02') throw error
  }
}

/** After a commit whose answer was lost: what has become of it. Waits for a commit still under way at the entry's key. */
async function lookInLedger(attempt: Attempt): Promise<Standing> {
  const { target, entry, limits } = attempt
  const standing = await onConnection(target, async (client) => {
    await beginBounded(client, limits)
    const found = await enterLedger(client, entry)
    await client.query('ROLLBACK')
    return found
  })
  if (standing) return standing
  throw new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the connection to ${target.connection} was lost before the commit: nothing was changed; trying again`,
  )
}

function doneBy(entry: LedgerEntry, standing: Standing): Done {
  if (standing.digest === entry.digest)
    return { result: 'applied', detail: standing.detail, observed: { rows: standing.rows } }
  return {
    result: 'refused',
    detail: `the ledger holds ${entry.key} for another proposal (${standing.digest.slice(0, 12)}…): was the engine's database restored from a backup?`,
  }
}

async function record(attempt: Attempt, done: Done): Promise<EffectAnswer> {
  return { effect: await recordEffect(attempt.deps.database, { ...effectPlace(attempt.request), ...done }) }
}

/** A connection on which something was thrown is closed, not reused: with it goes whatever it had begun. */
async function onConnection<T>(target: PostgresTarget, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await connectPostgres(target)
  let broken: Error | undefined
  const onError = (error: Error) => {
    broken = error
  }
  // The server may end the session between two statements; without a listener that would end the process.
  client.on('error', onError)
  try {
    return await work(client)
  } catch (error) {
    broken ??= error instanceof Error ? error : new Error(messageOf(error))
    throw error
  } finally {
    client.release(broken)
    client.removeListener('error', onError)
  }
}
