import { randomBytes } from 'node:crypto'
import { Queue as Queue6, Worker as Worker6 } from 'bullmq'
import { Queue as Queue5, Worker as Worker5 } from 'bullmq-5'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject } from 'vitest'
import { runCheck } from '../../activities/checks/run-check.ts'
import { previewAction } from '../../activities/preview-action.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Evidence } from '../../src/core/evidence.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { MemoryBudget } from '../../src/targets/memory-budget.ts'
import type { Targets } from '../../src/targets/targets.ts'
import {
  bullmqTarget,
  createEffectsWorld,
  depsFor,
  eventually,
  openTestGate,
  permits,
  requestFor,
  type EffectsWorld,
} from './effects-world.ts'

type AnyWorker = typeof Worker5 | typeof Worker6

export const HOUR = 3_600_000

/** A separate queue for each test of a file, with BullMQ 5 and 6, the checks, and the actions from their gate to their effect. */
export function bullmqWorld() {
  let world: EffectsWorld
  let redis: Redis
  let prefix = ''
  let closing: { close(): Promise<void> }[] = []

  beforeAll(async () => {
    world = await createEffectsWorld(inject('stack').postgresUrl)
    redis = new Redis(inject('stack').redisUrl)
  })
  afterAll(async () => {
    await world?.close()
    redis?.disconnect()
  })
  beforeEach(() => {
    prefix = `versions-${randomBytes(4).toString('hex')}`
    closing = []
  })
  afterEach(async () => {
    for (const one of closing.reverse()) await one.close()
    const keys = await redis.keys(`${prefix}:*`)
    for (let i = 0; i < keys.length; i += 10_000) await redis.del(...keys.slice(i, i + 10_000))
  })

  const connection = () => ({ url: inject('stack').redisUrl, maxRetriesPerRequest: null })

  const key = (part: string) => `${prefix}:queue:${part}`

  function closeAfterTest<T extends { close(): Promise<void> }>(one: T): T {
    closing.push(one)
    return one
  }

  /** Runs jobs until the returned function is called. */
  function startWorker(Worker: AnyWorker, run: () => Promise<unknown>): () => Promise<void> {
    const options = { prefix, connection: connection() }
    if (Worker === Worker5) {
      const worker = new Worker5('queue', run, options).on('error', () => {})
      return () => worker.close()
    }
    const worker = new Worker6('queue', run, options).on('error', () => {})
    return () => worker.close()
  }

  async function failJob(Worker: AnyWorker, id: string): Promise<void> {
    const stop = startWorker(Worker, async () => {
      throw new Error('Connection refused')
    })
    await eventually(`${id} fails`, async () => (await redis.zscore(key('failed'), id)) !== null)
    await stop()
  }

  function targets(): Targets {
    return { ...bullmqTarget(redis, prefix), memory: new MemoryBudget(64 * 1024 * 1024) } as unknown as Targets
  }

  /** Previews an action as a gate does, then applies it as if it was approved. Returns the preview and the effect. */
  async function carryOut(kind: string, parameters: JsonObject = {}): Promise<{ gate: ActionPreview; effect: Effect }> {
    const all = { connection: 'queue', ...parameters }
    const gate = await previewAction(kind, all, { targets: targets(), signal: new AbortController().signal })
    const request = requestFor(await openTestGate(world), kind, all)
    const answer = await executeEffect(request, depsFor(world, targets(), permits().takePermit))
    if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
    return { gate, effect: answer.effect }
  }

  function check(kind: string, parameters: JsonObject = {}, timeoutMs = 5_000): Promise<Evidence> {
    const run = { name: 'c', kind, parameters: { connection: 'queue', ...parameters }, place: 'r1/check/c' }
    return runCheck({ ...run, timeoutMs, retries: 0 }, targets())
  }

  /** Runs a check. Returns its result and the first row of the result. */
  async function read(kind: string, parameters: JsonObject = {}) {
    const evidence = await check(kind, parameters)
    expect(evidence).toMatchObject({ status: 'ok' })
    const result = evidence.result!
    const rows = (result.rows ?? []) as Record<string, unknown>[]
    return { result, rows, row: rows[0]! }
  }

  /** Adds a job to a list with plain Redis commands, so that the queue's event stream has no events about the job. */
  async function putJob(id: string, fields: JsonObject = {}, list = 'wait'): Promise<void> {
    const job = { name: 'x', data: '{}', opts: '{}', timestamp: Date.now() - HOUR, ...fields }
    await redis.hset(key(id), job as Record<string, string | number>)
    await redis.lpush(key(list), id)
  }

  return {
    redis: () => redis,
    prefix: () => prefix,
    connection,
    key,
    queueOf5: () => closeAfterTest(new Queue5('queue', { prefix, connection: connection() })),
    queueOf6: () => closeAfterTest(new Queue6('queue', { prefix, connection: connection() })),
    closeAfterTest,
    startWorker,
    failJob,
    carryOut,
    check,
    read,
    putJob,
  }
}
