import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Redis } from 'ioredis'
import { defined } from '../core/defined.ts'
import { effectKey, type EffectResult } from '../core/effect.ts'
import { isRunbookError, RunbookError } from '../core/errors.ts'
import type { JsonObject } from '../core/json.ts'
import { engineId } from '../history/engine-id.ts'
import { explainRedis, redisRemedy } from '../targets/explain-redis.ts'
import { isDown } from '../targets/connection-down.ts'
import type { BullmqTarget } from '../targets/targets.ts'
import type { ActionResult, ScriptCall } from './action-implementation.ts'
import { effectPlace, recordEffect } from './record-effect.ts'
import { requestPermit } from './request-permit.ts'
import type { EffectAnswer, EffectDeps, EffectRequest } from './request.ts'
import { timeLimits } from './time-limits.ts'

/** How long Redis keeps the record of an effect. Attempts at an effect end long before this time. */
const RETENTION_MS = 30 * 24 * 3_600_000

/** The value of an effect's key in Redis. */
interface ScriptRecord {
  digest: string
  result: EffectResult
  detail: string
  observed?: JsonObject
}

/** The steps of an action that runs as a script. */
interface ScriptSteps {
  prepare(): Promise<ScriptCall>
  /** Reads the final result of an applied script. It changes nothing. */
  confirm(applied: ActionResult, endsAt: number): Promise<ActionResult>
}

/**
 * Applies one script at most once: the effect's key, the fence, the precondition and the change are one atomic step in Redis. The history
 * records the value of the key, even if it is a refusal. A failover may lose the key; then only the script's precondition prevents a second
 * change. Throws if the caller must try again.
 */
export async function applyScript(
  deps: EffectDeps,
  request: EffectRequest,
  target: BullmqTarget,
  { prepare, confirm }: ScriptSteps,
): Promise<EffectAnswer> {
  const { redis, base } = target
  const limits = timeLimits(request.timeoutMs)
  const engine = await engineId(deps.database)
  const key = `${base}:runbook:effect:${effectKey(engine, request.gate, request.action.id, request.action.target)}`
  const endsAt = performance.now() + request.timeoutMs
  const record = async (text: string) => {
    const stored = resultOf(JSON.parse(text) as ScriptRecord, request.proposalDigest)
    const result = stored.result === 'applied' ? await confirm(stored, endsAt) : stored
    return { effect: await recordEffect(deps.database, { ...effectPlace(request), ...result }) }
  }
  try {
    const stored = await redis.get(key)
    if (stored !== null) return await record(stored)
    const deadline = (await redisClock(redis)) + limits.deadlineMs
    const permit = await requestPermit(deps, request, limits.leaseMs)
    if ('answer' in permit) return permit.answer
    if ('refused' in permit) return await record(await storeRefusal(redis, key, request.proposalDigest, permit.refused))

    const call = await prepare().catch((error: unknown) => {
      if (isRunbookError(error, 'RUNBOOK_BAD_INPUT') || isRunbookError(error, 'RUNBOOK_CONFIG')) return error
      throw error
    })
    if (isRunbookError(call)) return await record(await storeRefusal(redis, key, request.proposalDigest, call.message))
    const [answer, text] = (await redis.eval(
      await scriptText(call.script),
      2 + call.keys.length,
      key,
      `${base}:runbook:fence:${engine}/${permit.lease}`,
      ...call.keys,
      request.proposalDigest,
      String(permit.fence),
      String(deadline),
      String(RETENTION_MS),
      ...call.argv,
    )) as [string, string]
    if (answer === 'done') return await record(text)
    const why = answer === 'fence' ? `the lease ${permit.lease} was lost to a later permit` : 'the deadline passed'
    throw new RunbookError('RUNBOOK_CONFLICT', `${why} before the queue was changed; trying again`)
  } catch (error) {
    if (isRunbookError(error)) throw error
    // Only an error reply is certain to come from this Redis. Any other error may come from the engine's database.
    const down =
      error instanceof Error && error.name === 'ReplyError' && (redisRemedy(error) === 'stale' || isDown(error))
    const detail = down ? { connection: target.connection, down } : {}
    const message = `connection ${target.connection}: ${explainRedis(error)}; trying again`
    throw new RunbookError('RUNBOOK_UNREACHABLE', message, detail, error)
  }
}

/** Stores the refusal in Redis, so that a running attempt with an older permit finds it and applies nothing. */
async function storeRefusal(redis: Redis, key: string, digest: string, detail: string): Promise<string> {
  const refusal: ScriptRecord = { digest, result: 'refused', detail }
  const text = JSON.stringify(refusal)
  if ((await redis.set(key, text, 'PX', RETENTION_MS, 'NX')) === 'OK') return text
  return (await redis.get(key)) ?? text
}

function resultOf(record: ScriptRecord, digest: string): ActionResult {
  if (record.digest !== digest)
    return {
      result: 'refused',
      detail: `Redis holds this effect for another proposal (${record.digest.slice(0, 12)}…): was the engine's database restored from a backup?`,
    }
  const { result, detail, observed } = record
  return defined({ result, detail, observed })
}

/** The time of Redis' own clock, in milliseconds. */
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
