import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'
import { effectKey, type EffectResult } from '../core/effect.ts'
import { isRunbookError, messageOf, RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { engineId } from '../history/engine-id.ts'
import type { BullmqTarget } from '../targets/targets.ts'
import { askPermit } from './ask-permit.ts'
import type { Done, ScriptCall } from './action-implementation.ts'
import { effectPlace, recordEffect } from './record-effect.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'
import { timeLimits } from './time-limits.ts'

/** How long Redis remembers what was done: longer than any incident is retried. */
const KEPT_MS = 30 * 24 * 3_600_000

/** What Redis holds under an effect's key. */
interface ScriptRecord {
  digest: string
  result: EffectResult
  detail: string
  observed?: JsonObject
}

/**
 * Applies one script at most once: the effect's key, the fence, the precondition and the change are one atomic step in Redis. What
 * stands under the key, a refusal included, is what is recorded in the history. (Redis itself may forget it in a failover; then the
 * script's precondition stands alone.) Throws what is to be tried again.
 */
export async function applyScript(
  deps: EffectDeps,
  request: EffectRequest,
  target: BullmqTarget,
  prepare: () => Promise<ScriptCall>,
): Promise<EffectAnswer> {
  const { redis, base } = target
  const limits = timeLimits(request.timeoutMs)
  const engine = await engineId(deps.database)
  const key = `${base}:runbook:effect:${effectKey(engine, request.gate, request.action.id, request.action.target)}`
  const record = async (text: string) => {
    const done = doneBy(JSON.parse(text) as ScriptRecord, request.proposalDigest)
    return { effect: await recordEffect(deps.database, { ...effectPlace(request), ...done }) }
  }
  try {
    const stored = await redis.get(key)
    if (stored !== null) return await record(stored)
    const deadline = (await redisClock(redis)) + limits.deadlineMs
    const leave = await askPermit(deps, request, limits.leaseMs)
    if ('answer' in leave) return leave.answer
    if ('refused' in leave) return await record(await keepRefusal(redis, key, request.proposalDigest, leave.refused))

    const call = await prepare()
    const [answer, text] = (await redis.eval(
      await scriptText(call.script),
      2 + call.keys.length,
      key,
      `${base}:runbook:fence:${engine}/${leave.lease}`,
      ...call.keys,
      request.proposalDigest,
      String(leave.fence),
      String(deadline),
      String(KEPT_MS),
      ...call.argv,
    )) as [string, string]
    if (answer === 'done') return await record(text)
    const why = answer === 'fence' ? `the lease ${leave.lease} was lost to a later permit` : 'the deadline passed'
    throw new RunbookError('RUNBOOK_CONFLICT', `${why} before the queue was changed; trying again`)
  } catch (error) {
    if (isRunbookError(error)) throw error
    throw new RunbookError('RUNBOOK_UNREACHABLE', `${target.connection}: ${messageOf(error)}; trying again`, {}, error)
  }
}

/** So that an attempt with an older permit, still under way, finds the refusal instead of applying. */
async function keepRefusal(redis: Redis, key: string, digest: string, detail: string): Promise<string> {
  const refusal: ScriptRecord = { digest, result: 'refused', detail }
  const text = JSON.stringify(refusal)
  if ((await redis.set(key, text, 'PX', KEPT_MS, 'NX')) === 'OK') return text
  return (await redis.get(key)) ?? text
}

function doneBy(record: ScriptRecord, digest: string): Done {
  if (record.digest !== digest)
    return {
      result: 'refused',
      detail: `Redis holds this effect for another proposal (${record.digest.slice(0, 12)}…): was the engine's database restored from a backup?`,
    }
  const { result, detail, observed } = record
  return { result, detail, ...(observed ? { observed } : {}) }
}

/** Milliseconds of Redis' own clock. */
async function redisClock(redis: Redis): Promise<number> {
  const [seconds, micros] = await redis.time()
  return Number(seconds) * 1000 + Math.floor(Number(micros) / 1000)
}

const texts = new Map<string, Promise<string>>()

function scriptText(name: string): Promise<string> {
  let text = texts.get(name)
  if (!text) {
    const read = (file: string) => readFile(fileURLToPath(new URL(`./scripts/${file}.lua`, import.meta.url)), 'utf8')
    text = Promise.all([read('enter'), read(name)]).then((parts) => parts.join('\n'))
    texts.set(name, text)
  }
  return text
}
