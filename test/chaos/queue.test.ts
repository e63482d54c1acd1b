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
import type { BullmqTarget } from '../../src/targets/targets.ts'
import {
  createEffectsWorld,
  depsFor,
  eventually,
  openTestGate,
  permits,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'
import { choosePorts } from './ports.ts'
import { chanceOf, times } from './profile.ts'

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

/** When Redis dies: with the script not yet sent, under way, or done and its answer lost. */
const MOMENTS = ['before', 'during', 'after'] as const
type Moment = (typeof MOMENTS)[number]

interface Case {
  kind: string
  parameters: JsonObject
  /** Brings the queue to where the action has something to do. */
  prepare(): Promise<unknown>
  /** Whether it was done, and how often, by the queue itself. */
  done(): Promise<number>
}

let jobs = 0

const CASES: Record<string, () => Case> = {
  'bullmq.resume': () => ({
    kind: 'bullmq.resume',
    parameters: {},
    prepare: () => withQueue((queue) => queue.pause()),
    done: () => withQueue(async (queue) => ((await queue.isPaused()) ? 0 : 1)),
  }),
  'bullmq.retry': () => {
    const id = `failed-${(jobs += 1)}`
    return {
      kind: 'bullmq.retry',
      parameters: { id },
      prepare: () => addFailedJob(id),
      done: () => withQueue(async (queue) => ((await stateOf(queue, id)) === 'waiting' ? countIn(id) : 0)),
    }
  },
  'bullmq.quarantine': () => {
    const id = `pill-${(jobs += 1)}`
    return {
      kind: 'bullmq.quarantine',
      parameters: { id },
      prepare: () => withQueue((queue) => queue.add('step', {}, { jobId: id })),
      done: () => withQueue(async (queue) => ((await stateOf(queue, id)) === 'failed' ? 1 : 0)),
    }
  },
}

test.each(Object.keys(CASES))(
  'Redis killed while %s is applied: what is recorded is what the queue shows',
  async (kind) => {
    const chance = chanceOf(`Redis killed during ${kind}`)
    const counts: Record<Moment, number> = { before: 0, during: 0, after: 0 }
    let forgotten = 0
    let applied = 0
    for (let round = 0; round < times(2, 20); round += 1)
      for (const moment of MOMENTS) {
        const { parameters, prepare, done } = CASES[kind]!()
        await prepare()
        const request = requestFor(await openTestGate(world), kind, { connection: 'queue', ...parameters })
        const attempt = executeEffect(
          request,
          depsFor(world, dyingTargets(moment, chance.pause(0, 2)), permits().takePermit),
        )
        const answered = await attempt.then(
          (answer) => {
            // Only when the answer came before the end: then it was so.
            expect({ moment, answer }).toMatchObject({ moment: 'during', answer: { effect: { result: 'applied' } } })
            return true
          },
          (error: unknown) => {
            expect(error).toMatchObject({ code: 'RUNBOOK_UNREACHABLE' })
            return false
          },
        )
        await until('it is dead', async () => stack.redis.pid === null || undefined)
        await stack.redis.start()

        const before = await done()
        if (moment === 'before') expect(before).toBe(0)
        // Redis may forget what it has answered: while it waits for its disk it writes nothing. It forgets the whole script then.
        const isForgotten = before === 0 && (moment === 'after' || answered)
        if (isForgotten) forgotten += 1
        // Then the history says what was so when it was answered.
        if (isForgotten && answered) continue
        const again = await executeEffect(request, depsFor(world, await livingTargets(), permits().takePermit))
        const isApplied = 'effect' in again && again.effect.result === 'applied'
        expect({ again, done: await done() }).toMatchObject({ done: isApplied ? 1 : 0 })
        applied += isApplied ? 1 : 0
        counts[moment] += before
      }
    // A job that was forgotten too is refused; that is rare, or nothing is tested.
    expect(applied).toBeGreaterThanOrEqual(0.9 * MOMENTS.length * times(2, 20))
    console.log(`    done before it died, of ${times(2, 20)} each: ${JSON.stringify(counts)}; forgotten: ${forgotten}`)
  },
)

test('without the record that the script leaves in Redis, a second attempt would be refused as if another had done it', async () => {
  const { parameters, prepare, done } = CASES['bullmq.retry']!()
  await prepare()
  const request = requestFor(await openTestGate(world), 'bullmq.retry', { connection: 'queue', ...parameters })
  await expect(executeEffect(request, depsFor(world, dyingTargets('after', 0), permits().takePermit))).rejects.toThrow()
  await stack.redis.start()
  const redis = client()
  const kept = await redis.keys(`${BASE}:runbook:effect:*${request.gate}*`)
  expect(kept).toHaveLength(1)
  await redis.del(...kept)
  redis.disconnect()
  const again = await executeEffect(request, depsFor(world, await livingTargets(), permits().takePermit))
  expect(again).toMatchObject({ effect: { result: 'refused' } })
  expect(await done()).toBe(1)
})

const BASE = 'chaos:queue'

function client(): Redis {
  const redis = new Redis(stack.redis.url, { protocol: 2, maxRetriesPerRequest: 0, retryStrategy: () => null })
  redis.on('error', () => {})
  return redis
}

function targetOf(redis: Redis): { bullmq: () => Promise<BullmqTarget> } {
  const parts = { prefix: 'chaos', queue: 'queue', base: BASE, stalledIntervalMs: 30_000 }
  return { bullmq: async () => ({ connection: 'queue', address: '127.0.0.1', redis, redact: [], ...parts }) }
}

async function livingTargets() {
  return targetOf(client())
}

/** The server dies around the script: the client sees what it would see, a connection that breaks. */
function dyingTargets(moment: Moment, afterMs: number) {
  const redis = client()
  const send = redis.eval.bind(redis) as (...given: unknown[]) => Promise<unknown>
  const kill = () => stack.redis.kill()
  redis.eval = (async (...given: unknown[]) => {
    if (moment === 'before') await kill()
    if (moment === 'during') void (afterMs === 0 ? kill() : sleep(afterMs).then(kill))
    const answer = await send(...given)
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

/** How often it stands in the queue: a job that was put back twice would be carried out twice. */
async function countIn(id: string): Promise<number> {
  const redis = client()
  const waiting = await redis.lrange(`${BASE}:wait`, 0, -1)
  redis.disconnect()
  return waiting.filter((one) => one === id).length
}

async function addFailedJob(id: string): Promise<void> {
  await withQueue(async (queue) => {
    await queue.resume()
    const { hostname, port, username, password } = new URL(stack.redis.url)
    const connection = { host: hostname, port: Number(port), username, password, maxRetriesPerRequest: null }
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
