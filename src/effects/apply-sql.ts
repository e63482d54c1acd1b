import type pg from 'pg'
import { defined } from '../core/defined.ts'
import { effectKey } from '../core/effect.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { engineId } from '../history/engine-id.ts'
import { withPostgres } from '../targets/open-postgres.ts'
import type { PostgresTarget } from '../targets/targets.ts'
import { requestPermit } from './request-permit.ts'
import { deadlineIn } from './deadline.ts'
import { changedRows, runGuardedWrite, type Written } from './guarded-write.ts'
import type { ActionResult, GuardedWrite } from './action-implementation.ts'
import { beginBounded, enterLedger, raiseFence, type LedgerEntry, type StoredEntry } from './ledger.ts'
import { effectPlace, recordEffect, storedEffect } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'
import { sqlReason, sqlState, sqlVerdict } from './sql-errors.ts'
import { isStandby, standbyError } from './standby.ts'
import { timeLimits, type TimeLimits } from './time-limits.ts'

/** One attempt at one effect in a database that has a ledger. */
interface Attempt {
  deps: EffectDeps
  /** The engine's id, with which the name of the fence and the key of the effect begin. */
  engine: string
  request: EffectRequest
  write: GuardedWrite
  target: PostgresTarget
  entry: LedgerEntry
  limits: TimeLimits
}

/**
 * Applies a guarded write exactly once. The ledger entry and the change are committed together, so the entry shows, at any later time,
 * whether the write was applied. Concurrent attempts at one effect wait for each other at the entry's key.
 *
 * Throws when the caller must try again: the attempt changed nothing, or the next attempt finds its entry in the ledger.
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
    detail: changedRows(write),
  }
  const attempt: Attempt = { deps, engine, request, write, target, entry, limits: timeLimits(request.timeoutMs) }
  const outcome = await withPostgres(target, (client) => inTransaction(attempt, client)).catch(
    async (error: unknown): Promise<Outcome> => {
      if (error instanceof CommitInDoubt) return { stored: await readLedger(attempt) }
      throw isStandby(error) ? standbyError(target) : error
    },
  )
  return 'answer' in outcome ? outcome.answer : record(attempt, resultOf(entry, outcome))
}

/**
 * The result of an attempt. `answer` is an effect that is already recorded, or an answer that is not an effect. `stored` is the entry in
 * the ledger. Only the attempt that wrote knows `guardAfter`.
 */
type Outcome = { answer: EffectAnswer } | { stored: StoredEntry; guardAfter?: JsonObject }

/** The connection broke after COMMIT was sent and before the server answered. */
class CommitInDoubt extends Error {}

async function inTransaction(attempt: Attempt, client: pg.PoolClient): Promise<Outcome> {
  const { deps, engine, request, limits } = attempt
  await beginBounded(client, limits)
  const entered = await enterLedger(client, attempt.entry)
  if (entered) {
    await client.query('ROLLBACK')
    return { stored: entered }
  }
  // Another attempt may have held the key until now and been refused. That attempt recorded the refusal before it released the key. Reading
  // the effect here saves a permit; it is read again after the permit.
  const stored = await storedEffect(deps.database, effectPlace(request))
  if (stored) return rolledBack(client, { effect: stored })

  const deadline = await deadlineIn(client, limits.deadlineMs)
  const permit = await requestPermit(deps, request, limits.leaseMs)
  if ('answer' in permit) return rolledBack(client, permit.answer)
  if ('refused' in permit) return refuse(attempt, client, permit.refused)
  if (!(await raiseFence(client, `${engine}/${permit.lease}`, permit.fence)))
    throw new RunbookError('RUNBOOK_CONFLICT', `the lease ${permit.lease} was lost to a later permit; trying again`)

  const written = await writeBefore(attempt, client, deadline)
  if ('refused' in written) return refuse(attempt, client, written.refused)
  return { ...(await commit(attempt, client)), ...written }
}

/** Makes the change, without committing. Throws when the caller must try again. */
async function writeBefore(attempt: Attempt, client: pg.PoolClient, deadline: string): Promise<Written> {
  const { write, target } = attempt
  let written: Written
  try {
    written = await runGuardedWrite(client, write, deadline, target.redact)
  } catch (error) {
    if (sqlVerdict(error) === 'refused') return { refused: `${write.what}: ${sqlReason(error)}` }
    throw error
  }
  if ('late' in written)
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `the deadline passed before ${write.what} could be changed; trying again`,
    )
  return 'refused' in written ? { refused: `${written.refused}, so nothing was changed` } : written
}

async function commit(attempt: Attempt, client: pg.PoolClient): Promise<Outcome> {
  const { entry, write, limits } = attempt
  try {
    // Deferred constraints are checked now, while a refusal can still be recorded under the key's lock.
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
  return { stored: entry }
}

/** Records the refusal while this attempt still holds the key, then rolls back. Nothing was changed. */
async function refuse(attempt: Attempt, client: pg.PoolClient, detail: string): Promise<Outcome> {
  const effect = { ...effectPlace(attempt.request), result: 'refused' as const, detail }
  const stored = await recordEffect(attempt.deps.database, effect, () => assertTransactionOpen(client))
  return rolledBack(client, { effect: stored })
}

async function rolledBack(client: pg.PoolClient, answer: EffectAnswer): Promise<Outcome> {
  await client.query('ROLLBACK')
  return { answer }
}

/**
 * Throws if the transaction has ended, because then the lock on the key is lost too. A failed transaction (25P02) still holds its locks.
 */
async function assertTransactionOpen(client: pg.PoolClient): Promise<void> {
  try {
    await client.query('SELECT 1')
  } catch (error) {
    if (sqlState(error) !== '25P02') throw error
  }
}

/** Reads the ledger after a commit whose answer was lost. If the commit is still running, this waits for the lock on the entry's key. */
async function readLedger(attempt: Attempt): Promise<StoredEntry> {
  const { target, entry, limits } = attempt
  const stored = await withPostgres(target, async (client) => {
    await beginBounded(client, limits)
    const found = await enterLedger(client, entry)
    await client.query('ROLLBACK')
    return found
  })
  if (stored) return stored
  throw new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the connection to ${target.connection} was lost before the commit: nothing was changed; trying again`,
  )
}

function resultOf(
  entry: LedgerEntry,
  { stored, guardAfter }: { stored: StoredEntry; guardAfter?: JsonObject },
): ActionResult {
  if (stored.digest === entry.digest)
    return { result: 'applied', detail: stored.detail, observed: defined({ rows: stored.rows, guardAfter }) }
  return {
    result: 'refused',
    detail: `the ledger holds ${entry.key} for another proposal (${stored.digest.slice(0, 12)}…): was the engine's database restored from a backup?`,
  }
}

async function record(attempt: Attempt, done: ActionResult): Promise<EffectAnswer> {
  return { effect: await recordEffect(attempt.deps.database, { ...effectPlace(attempt.request), ...done }) }
}
