import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, Worker } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { until } from '../acceptance/until.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { startStack, type Stack } from '../../src/stack/stack.ts'
import {
  bullmqTarget,
  createEffectsWorld,
  depsFor,
  eventually,
  openTestGate,
  permits,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'
import { choosePorts } from './ports.ts'
import { randomOf, byProfile } from './profile.ts'

const dir = mkdtempSync(join(tmpdir(), 'runbook-chaos-redis-'))
let stack: Stack
let world: EffectsWorld

beforeAll(async () => {
  choosePorts(dir)
  stack = await startStack({ dir, temporal: 'memory', services: ['postgres', 'redis'], log: () => {} })
  world = await createEffectsWorld(stack.postgres.url)
})
afterAll(async () => {
  await world?.close()
  await stack?.stop()
  await eraseStack(dir)
  rmSync(dir, { recursive: true, force: true })
})
afterEach(() => stack.redis.start())

/** When Redis is killed: before the script is sent, while it runs, or after it ran but before its response arrived. */
const MOMENTS = ['before', 'during', 'after'] as const
type Moment = (typeof MOMENTS)[number]

interface Case {
  kind: string
  parameters: JsonObject
  /** Puts the queue into a state in which the action has an effect. */
  prepare(): Promise<unknown>
  /** Reads from the queue how often the action was applied. */
  timesApplied(): Promise<number>
}

let jobs = 0

const CASES: Record<string, () => Case> = {
  'bullmq.resume': () => ({
    kind: 'bullmq.resume',
    parameters: {},
    prepare: () => withQueue((queue) => queue.pause()),
    timesApplied: () => withQueue(async (queue) => ((await queue.isPaused()) ? 0 : 1)),
  }),
  'bullmq.retry': () => {
    const id = `failed-${(jobs += 1)}`
    return {
      kind: 'bullmq.retry',
      parameters: { id },
      prepare: () => addFailedJob(id),
      timesApplied: () => withQueue(async (queue) => ((await stateOf(queue, id)) === 'waiting' ? countIn(id) : 0)),
    }
  },
  'bullmq.quarantine': () => {
    const id = `pill-${(jobs += 1)}`
    return {
      kind: 'bullmq.quarantine',
      parameters: { id },
      prepare: () => withQueue((queue) => queue.add('step', {}, { jobId: id })),
      timesApplied: () => withQueue(async (queue) => ((await stateOf(queue, id)) === 'failed' ? 1 : 0)),
    }
  },
}

test.each(Object.keys(CASES))(
  'if Redis is killed while %s is applied, the record matches the state of the queue',
  async (kind) => {
    const random = randomOf(`Redis killed during ${kind}`)
    const counts: Record<Moment, number> = { before: 0, during: 0, after: 0 }
    let lostWrites = 0
    let applied = 0
    for (let round = 0; round < byProfile(2, 20); round += 1)
      for (const moment of MOMENTS) {
        const { parameters, prepare, timesApplied } = CASES[kind]!()
        await prepare()
        const request = requestFor(await openTestGate(world), kind, { connection: 'queue', ...parameters })
        const attempt = executeEffect(
          request,
          depsFor(world, targetsWithKill(moment, random.between(0, 2)), permits().takePermit),
        )
        const hasResponse = await attempt.then(
          (answer) => {
            // A response is possible only if it arrived before Redis was killed.
            expect({ moment, answer }).toMatchObject({ moment: 'during', answer: { effect: { result: 'applied' } } })
            return true
          },
          (error: unknown) => {
            expect(error).toMatchObject({ code: 'RUNBOOK_UNREACHABLE' })
            return false
          },
        )
        await until('Redis has exited', async () => stack.redis.pid === null || undefined)
        await stack.redis.start()

        const timesBefore = await timesApplied()
        if (moment === 'before') expect(timesBefore).toBe(0)
        // Redis may lose a write that it has acknowledged, if it was not yet on disk. It then loses the whole script.
        const isLost = timesBefore === 0 && (moment === 'after' || hasResponse)
        if (isLost) lostWrites += 1
        // In this case the record describes the state at the time of the response.
        if (isLost && hasResponse) continue
        const secondAttempt = await executeEffect(request, depsFor(world, await normalTargets(), permits().takePermit))
        const isApplied = 'effect' in secondAttempt && secondAttempt.effect.result === 'applied'
        expect({ secondAttempt, timesApplied: await timesApplied() }).toMatchObject({ timesApplied: isApplied ? 1 : 0 })
        applied += isApplied ? 1 : 0
        counts[moment] += timesBefore
      }
    // If the job itself was lost, the action is refused. That must be rare, or the test proves nothing.
    expect(applied).toBeGreaterThanOrEqual(0.9 * MOMENTS.length * byProfile(2, 20))
    console.log(
      `    applied before Redis was killed, of ${byProfile(2, 20)} each: ${JSON.stringify(counts)}; lost writes: ${lostWrites}`,
    )
  },
)

test('without the record that the script stores in Redis, a second attempt is refused as if somebody else had applied the action', async () => {
  const { parameters, prepare, timesApplied } = CASES['bullmq.retry']!()
  await prepare()
  const request = requestFor(await openTestGate(world), 'bullmq.retry', { connection: 'queue', ...parameters })
  await expect(
    executeEffect(request, depsFor(world, targetsWithKill('after', 0), permits().takePermit)),
  ).rejects.toThrow()
  await stack.redis.start()
  const redis = client()
  const effectKeys = await redis.keys(`${BASE}:runbook:effect:*${request.gate}*`)
  expect(effectKeys).toHaveLength(1)
  await redis.del(...effectKeys)
  redis.disconnect()
  const secondAttempt = await executeEffect(request, depsFor(world, await normalTargets(), permits().takePermit))
  expect(secondAttempt).toMatchObject({ effect: { result: 'refused' } })
  expect(await timesApplied()).toBe(1)
})

const BASE = 'chaos:queue'

function client(): Redis {
  const redis = new Redis(stack.redis.url, { protocol: 2, maxRetriesPerRequest: 0, retryStrategy: () => null })
  redis.on('error', () => {})
  return redis
}

const targetOf = (redis: Redis) => bullmqTarget(redis, 'chaos')

async function normalTargets() {
  return targetOf(client())
}

/** Kills Redis before, during or after the script. The client sees a broken connection, as in a real failure. */
function targetsWithKill(moment: Moment, afterMs: number) {
  const redis = client()
  const send = redis.eval.bind(redis) as (...args: unknown[]) => Promise<unknown>
  const kill = () => stack.redis.kill()
  redis.eval = (async (...args: unknown[]) => {
    if (moment === 'before') await kill()
    if (moment === 'during') void (afterMs === 0 ? kill() : sleep(afterMs).then(kill))
    const answer = await send(...args)
    if (moment === 'during') return answer
    await kill()
    throw new Error('Connection is closed.')
  }) as typeof redis.eval
  return targetOf(redis)
}

async function withQueue<T>(work: (queue: Queue) => Promise<T>): Promise<T> {
  const { hostname, port, username, password } = new URL(stack.redis.url)
  const queue = new Queue('queue', {
    prefix: 'chaos',
    connection: { host: hostname, port: Number(port), username, password },
  })
  queue.on('error', () => {})
  try {
    return await work(queue)
  } finally {
    await queue.close()
  }
}

async function stateOf(queue: Queue, id: string): Promise<string | undefined> {
  return (await queue.getJob(id))?.getState()
}

/** How often the waiting list contains the job. A job that is there twice would run twice. */
async function countIn(id: string): Promise<number> {
  const redis = client()
  const waiting = await redis.lrange(`${BASE}:wait`, 0, -1)
  redis.disconnect()
  return waiting.filter((one) => one === id).length
}

async function addFailedJob(id: string): Promise<void> {
  await withQueue(async (queue) => {
    await queue.resume()
    const connection = { url: stack.redis.url, maxRetriesPerRequest: null }
    const worker = new Worker('queue', () => Promise.reject(new Error('Connection refused')), {
      prefix: 'chaos',
      connection,
    })
    worker.on('error', () => {})
    await queue.add('step', {}, { jobId: id })
    await eventually(`${id} fails`, async () => (await stateOf(queue, id)) === 'failed')
    await worker.close()
  })
}
