import { setTimeout as pause } from 'node:timers/promises'
import type { ActionResult } from '../../src/effects/action-implementation.ts'
import type { BullmqTarget } from '../../src/targets/targets.ts'

/** The reason with which a quarantined job fails. The mark of a job that a worker holds contains it too. */
export const QUARANTINE_REASON = 'quarantined by a runbook'

const ASK_EVERY_MS = 500

/**
 * Finds out the outcome of a job that was marked while a worker held it. The quarantine has no result before that, because the worker may
 * still complete the job, or fail it for another reason. Waits until the job has ended or no worker holds it, or until `endsAt`, a time of `performance.now()`.
 */
export async function outcomeOfMark(target: BullmqTarget, id: string, endsAt: number): Promise<ActionResult> {
  for (;;) {
    const found = await readMarked(target, id)
    if (found) return found
    if (performance.now() + ASK_EVERY_MS >= endsAt)
      return result(
        'unknown',
        'active',
        'a worker still holds the job. It is marked: it fails for good if a worker picks it up again, but the worker that holds it may still complete it. Check the job, then run "runbook settle"',
      )
    await pause(ASK_EVERY_MS)
  }
}

/** The result, if it is already known. */
async function readMarked({ redis, base }: BullmqTarget, id: string): Promise<ActionResult | undefined> {
  const key = `${base}:${id}`
  // The lock is read first. If a job has no lock and has not ended afterwards, only its mark can end it.
  const held = await redis.exists(`${key}:lock`)
  const [type, completed, failed, reason, mark] = await Promise.all([
    redis.type(key),
    redis.zscore(`${base}:completed`, id),
    redis.zscore(`${base}:failed`, id),
    redis.hget(key, 'failedReason'),
    redis.hget(key, 'defa'),
  ])
  if (type !== 'hash')
    return result(
      'unknown',
      'absent',
      `the job has ended and was removed from the queue: check whether it was completed, then run "runbook settle". A copy of it is kept under ${base}:dead-letter:${id}`,
    )
  if (completed !== null)
    return result('refused', 'completed', 'the worker that held the job completed it before the mark could stop it')
  if (failed !== null)
    return reason?.includes(QUARANTINE_REASON)
      ? result('applied', 'failed', 'a worker held the job; it failed for good when it was picked up again')
      : result('refused', 'failed', 'the job failed for another reason before the mark could stop it')
  if (held === 1) return undefined
  if (mark === QUARANTINE_REASON)
    return result(
      'applied',
      'marked',
      'no worker holds the job any more: the job fails for good when it is picked up again',
    )
  return result('unknown', 'other', 'the mark of the job was removed: check the job, then run "runbook settle"')
}

function result(outcome: ActionResult['result'], state: string, detail: string): ActionResult {
  return { result: outcome, detail, observed: { state, from: 'active' } }
}
