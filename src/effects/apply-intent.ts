import { effectKey } from '../core/effect.ts'
import { isRunbookError, messageOf } from '../core/errors.ts'
import { engineId } from '../history/engine-id.ts'
import { askPermit } from './ask-permit.ts'
import type { Done, Run } from './action-implementation.ts'
import { effectPlace, hasIntent, recordEffect, recordIntent } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'

/** The lease must outlast the run: nothing at the other end fences it off. */
const LEASE_MARGIN_MS = 10_000

const BEGUN_BEFORE = 'an attempt was begun and its end was not seen'

/**
 * Does what cannot be fenced: a command, a call. The intent is recorded first. An attempt that finds an intent without an effect does
 * it again only where that is the same as once; otherwise it is `unknown`, which a person settles.
 */
export async function applyIntent(
  deps: EffectDeps,
  request: EffectRequest,
  { repeatable, run }: Run & { repeatable: boolean },
): Promise<EffectAnswer> {
  const place = effectPlace(request)
  const record = async (done: Done) => ({ effect: await recordEffect(deps.database, { ...place, ...done }) })
  const begunBefore = () => record({ result: 'unknown', detail: `${BEGUN_BEFORE}: look, then settle` })

  if (!repeatable && (await hasIntent(deps.database, place))) return begunBefore()
  const leave = await askPermit(deps, request, request.timeoutMs + LEASE_MARGIN_MS)
  if ('answer' in leave) return leave.answer
  // Also before a refusal: whoever comes later with an older permit must find that this effect is settled.
  const first = await recordIntent(deps.database, place)
  if (!first && !repeatable) return begunBefore()
  const done: Done =
    'refused' in leave ? { result: 'refused', detail: leave.refused } : await attempt(deps, request, run)
  // Of the attempt before, which nobody saw end, that says nothing.
  if (!first && !done.observed && done.result === 'refused')
    return record({ result: 'unknown', detail: `${BEGUN_BEFORE}; the next one did nothing: ${done.detail}` })
  return record(done)
}

/** Sends a message: no permit, and at least once. */
export async function applyMessage(deps: EffectDeps, request: EffectRequest, { run }: Run): Promise<EffectAnswer> {
  const done = await attempt(deps, request, run)
  return { effect: await recordEffect(deps.database, { ...effectPlace(request), ...done }) }
}

async function attempt(deps: EffectDeps, request: EffectRequest, run: Run['run']): Promise<Done> {
  const { gate, action, timeoutMs } = request
  try {
    const key = effectKey(await engineId(deps.database), gate, action.id, action.target)
    return await run({
      targets: deps.targets,
      effectKey: key,
      timeoutMs,
      approved: action.preview,
      notify: deps.notify,
    })
  } catch (error) {
    if (isRunbookError(error, 'RUNBOOK_BAD_INPUT') || isRunbookError(error, 'RUNBOOK_CONFIG'))
      return { result: 'refused', detail: error.message }
    return {
      result: 'unknown',
      detail: `it ended with an error that says nothing of what was done: ${messageOf(error)}`,
    }
  }
}
