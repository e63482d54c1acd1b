import { effectKey } from '../core/effect.ts'
import { isRunbookError, messageOf } from '../core/errors.ts'
import { engineId } from '../history/engine-id.ts'
import type { ActionResult, Run } from './action-implementation.ts'
import { isTooLate, startWithin, type StartBy } from '../targets/start-by.ts'
import { effectPlace, hasIntent, recordEffect, recordIntent } from './record-effect.ts'
import { requestPermit } from './request-permit.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'

/** The lease must outlast the run: a command or an HTTP server checks no fence, so it cannot refuse a late run. */
const LEASE_MARGIN_MS = 10_000
/**
 * The longest time between the request of the permit and the start of the action. A process that was suspended for
 * longer starts nothing.
 */
const START_WITHIN_MS = 5_000

/** How many characters of the proposal's digest are in the key that is sent to a service. */
const DIGEST_LENGTH = 16

const STARTED_BEFORE = 'an attempt started; its outcome is unknown'

/**
 * Applies an action that cannot be fenced, such as a command or an HTTP call. The intent is recorded first. An attempt that finds an intent
 * without an effect repeats only a repeatable action, and only with a permit. Otherwise the effect becomes `unknown`, and a person settles
 * it. The effect is recorded even if the permit is refused, because the interpreter would otherwise drop a target on which a command may
 * have run.
 */
export async function applyIntent(
  deps: EffectDeps,
  request: EffectRequest,
  { repeatable, reach, run }: Run & { repeatable: boolean },
): Promise<EffectAnswer> {
  const place = effectPlace(request)
  const record = async (result: ActionResult) => ({
    effect: await recordEffect(deps.database, { ...place, ...result }),
  })
  const startedBefore = () =>
    record({ result: 'unknown', detail: `${STARTED_BEFORE}. Check what the action did, then run "runbook settle"` })

  if (!repeatable && (await hasIntent(deps.database, place))) return startedBefore()
  await reach?.(deps.targets)
  const startBy = startWithin(START_WITHIN_MS)
  const permit = await requestPermit(deps, request, request.timeoutMs + LEASE_MARGIN_MS)
  if ('answer' in permit)
    return !('effect' in permit.answer) && (await hasIntent(deps.database, place)) ? startedBefore() : permit.answer
  // The intent is recorded before a refusal too, because a later attempt with an older permit must find that this effect already has a
  // result.
  const first = await recordIntent(deps.database, place)
  if (!first && !repeatable) return startedBefore()
  const result: ActionResult =
    'refused' in permit ? { result: 'refused', detail: permit.refused } : await attempt(deps, request, run, startBy)
  // This refusal shows nothing about the earlier attempt, whose outcome is unknown.
  if (!first && !result.observed && result.result === 'refused')
    return record({ result: 'unknown', detail: `${STARTED_BEFORE}; the next attempt was refused: ${result.detail}` })
  return record(result)
}

/** Sends a message. It needs no permit, and after a crash it may be sent again. */
export async function applyMessage(deps: EffectDeps, request: EffectRequest, { run }: Run): Promise<EffectAnswer> {
  const result = await attempt(deps, request, run, startWithin(START_WITHIN_MS))
  return { effect: await recordEffect(deps.database, { ...effectPlace(request), ...result }) }
}

async function attempt(
  deps: EffectDeps,
  request: EffectRequest,
  run: Run['run'],
  startBy: StartBy,
): Promise<ActionResult> {
  const { gate, action, proposalDigest, timeoutMs } = request
  try {
    const effect = effectKey(await engineId(deps.database), gate, action.id, action.target)
    // After a restore of the engine's database, another incident gets the same number. A service that remembers the key of the earlier one
    // would answer without doing anything.
    const key = `${effect}/${proposalDigest.slice(0, DIGEST_LENGTH)}`
    if (isTooLate(startBy))
      return {
        result: 'refused',
        detail: 'the worker was delayed for too long after it got its permit, so nothing was started',
      }
    return await run({
      targets: deps.targets,
      effectKey: key,
      timeoutMs,
      startBy,
      approved: action.preview,
      notify: deps.notify,
    })
  } catch (error) {
    if (isRunbookError(error, 'RUNBOOK_BAD_INPUT') || isRunbookError(error, 'RUNBOOK_CONFIG'))
      return { result: 'refused', detail: error.message }
    return {
      result: 'unknown',
      detail: `failed with an error; its outcome is unknown: ${messageOf(error)}`,
    }
  }
}
