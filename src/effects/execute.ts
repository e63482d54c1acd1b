import { isRunbookError, messageOf, RunbookError } from '../core/errors.ts'
import { applyIntent, applyMessage } from './apply-intent.ts'
import { applyScript } from './apply-script.ts'
import { applySql } from './apply-sql.ts'
import { applyUnledgeredSql } from './apply-unledgered-sql.ts'
import type { ActionImplementation } from './action-implementation.ts'
import { textParameter } from './action-parameters.ts'
import { effectPlace, storedEffect } from './record-effect.ts'
import { refuseUntried } from './refuse-untried.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'

/**
 * Applies one action of an approved proposal to one target, and records the result. May be called any number of times, by several
 * processes at the same time: the action is applied at most once (with a ledger: exactly once), and every call returns the result
 * that the history has.
 *
 * Throws only if the caller must try again. In that case nothing was recorded, and a later attempt finds out what was applied.
 */
export async function executeEffect(request: EffectRequest, deps: EffectDeps): Promise<EffectAnswer> {
  const stored = await storedEffect(deps.database, effectPlace(request))
  if (stored) return { effect: stored }
  const { unread } = request.action.preview
  if (unread !== undefined)
    return refuseUntried(
      request,
      deps,
      `the gate did not show what the action changes, so nobody approved it: ${unread}`,
    )
  try {
    const implementation = deps.implementations[request.action.kind]
    if (!implementation)
      throw new RunbookError(
        'RUNBOOK_CONFIG',
        `the version of the engine that runs now has no action kind ${request.action.kind}: update the workers`,
      )
    return await apply(request, deps, implementation)
  } catch (error) {
    // These errors are thrown before the attempt changes anything: the configuration or the values do not allow the
    // action.
    if (isRunbookError(error, 'RUNBOOK_CONFIG') || isRunbookError(error, 'RUNBOOK_BAD_INPUT'))
      return refuseUntried(request, deps, messageOf(error))
    throw error
  }
}

async function apply(
  request: EffectRequest,
  deps: EffectDeps,
  implementation: ActionImplementation,
): Promise<EffectAnswer> {
  const parameters = request.action.with
  switch (implementation.protocol) {
    case 'sql': {
      const write = implementation.write(parameters, request.action.preview)
      const target = await deps.targets.postgres(write.connection, 'write')
      return target.ledger === 'target'
        ? applySql(deps, request, write, target)
        : applyUnledgeredSql(deps, request, write, target)
    }
    case 'script': {
      const target = await deps.targets.bullmq(textParameter(parameters, 'connection'), 'write')
      return applyScript(deps, request, target, {
        prepare: () => implementation.call(parameters, target),
        confirm: async (applied, endsAt) =>
          (await implementation.confirm?.(parameters, target, applied, endsAt)) ?? applied,
      })
    }
    case 'intent':
      return applyIntent(deps, request, implementation.prepare(parameters))
    case 'message':
      return applyMessage(deps, request, implementation.prepare(parameters))
    case 'person':
      return (
        (await whyNotWaiting(deps, request.gate)) ?? {
          waiting: true,
          message: textParameter(parameters, 'instructions'),
        }
      )
  }
}

/**
 * Why a manual action no longer waits for a person; undefined if it does. A manual action needs no permit, so a
 * cancelled incident or a withdrawn approval must be noticed here.
 */
async function whyNotWaiting({ database }: EffectDeps, gate: string): Promise<EffectAnswer | undefined> {
  const found = await database.query<{ cancelled: boolean; state: string; why: string | null }>(
    `SELECT i.cancelled_at IS NOT NULL AS cancelled, g.state, g.why
     FROM runbook.gates g JOIN runbook.incidents i ON i.id = g.incident WHERE g.id = $1`,
    [gate],
  )
  const [row] = found.rows
  if (row?.cancelled === true)
    return { cancelled: true, message: 'the incident was cancelled while it waited for a person' }
  if (row?.state === 'withdrawn')
    return { over: true, message: row.why ?? 'the approval was withdrawn while the action waited for a person' }
  return undefined
}
