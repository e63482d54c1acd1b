import { randomBytes } from 'node:crypto'
import { Queue, Worker, type Job, type JobsOptions } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import { resolveSecret } from '../../src/config/secret.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { engineId } from '../../src/history/engine-id.ts'
import { EFFECT_REDIS_COMMANDS } from '../../src/effects/redis-rights.ts'
import type { TakePermit } from '../../src/gate/permit-request.ts'
import type { Targets } from '../../src/targets/targets.ts'
import {
  bullmqTarget,
  createEffectsWorld,
  denying,
  depsFor,
  eventually,
  openTestGate,
  permits,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'

let world: EffectsWorld
let admin: Redis
let prefix: string
let base: string
let write: Redis
let queue: Queue
let workers: Worker[]

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
  admin = new Redis(inject('stack').redisUrl)
})

afterAll(async () => {
  await world?.close()
  admin?.disconnect()
})

/** A queue per test, and a user who may run only the commands of redis-rights.ts, on the keys of that queue. */
beforeEach(async () => {
  prefix = `effects${randomBytes(4).toString('hex')}`
  base = `${prefix}:queue`
  await admin.call('ACL', 'SETUSER', prefix, 'on', '>secret', 'resetkeys', `~${base}:*`, 'resetchannels', '-@all',
    '+auth', '+hello', '+ping', ...EFFECT_REDIS_COMMANDS.map((command) => `+${command}`)) // prettier-ignore
  const { hostname, port } = new URL(inject('stack').redisUrl)
  write = new Redis({
    host: hostname,
    port: Number(port),
    username: prefix,
    password: 'secret',
    enableReadyCheck: false,
    disableClientInfo: true,
    protocol: 2,
  })
  queue = new Queue('queue', { prefix, connection: connection() })
  workers = []
})

afterEach(async () => {
  await Promise.all(workers.map((worker) => worker.close(true)))
  await queue.obliterate({ force: true })
  await queue.close()
  write.disconnect()
  const keys = await admin.keys(`${base}:*`)
  if (keys.length > 0) await admin.del(...keys)
  await admin.call('ACL', 'DELUSER', prefix)
})

const connection = () => ({ url: inject('stack').redisUrl, maxRetriesPerRequest: null })

function startWorker(
  work: (job: Job) => Promise<unknown>,
  options: { lockDuration?: number; concurrency?: number; stalledInterval?: number } = {},
): Worker {
  const worker = new Worker('queue', work, { prefix, connection: connection(), ...options })
  worker.on('error', () => {})
  workers.push(worker)
  return worker
}

const targets = (redis: Redis = write, redact: string[] = []) => bullmqTarget(redis, prefix, redact)

async function applied(
  kind: string,
  parameters: JsonObject = {},
  takePermit: TakePermit = permits().takePermit,
  timeoutMs = 20_000,
): Promise<Effect> {
  const request = requestFor(await openTestGate(world), kind, { connection: 'queue', ...parameters })
  request.timeoutMs = timeoutMs
  const answer = await executeEffect(request, depsFor(world, targets(), takePermit))
  if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
  return answer.effect
}

async function addJob(id: string, options: JobsOptions = {}, data: unknown = { for: id }): Promise<Job> {
  return queue.add('step', data, { jobId: id, ...options })
}

/** Adds a job that a worker holds until `end` is called, with the error of the job if it fails. */
async function held(options: JobsOptions): Promise<{ job: Job; worker: Worker; end: (error?: Error) => void }> {
  const job = await addJob('held', options)
  let end: (error?: Error) => void = () => {}
  const ended = new Promise<void>((resolve, reject) => {
    end = (error) => (error ? reject(error) : resolve())
  })
  const worker = startWorker(() => ended)
  await eventually('it is active', async () => (await job.getState()) === 'active')
  return { job, worker, end }
}

const marked = (id: string) =>
  eventually(`${id} is marked`, async () => (await admin.hexists(`${base}:${id}`, 'defa')) === 1)

/** Adds a job and waits until it has failed. */
async function addFailedJob(id: string, options: JobsOptions = {}): Promise<Job> {
  const job = await addJob(id, options)
  const worker = startWorker(async () => {
    throw new Error('Connection refused')
  })
  await eventually(`${id} fails`, async () => (await job.getState()) === 'failed')
  await worker.close()
  return job
}

/** Adds a job that is active, without a worker and without a lock. */
async function addStalledJob(id: string): Promise<Job> {
  const job = await addJob(id)
  const worker = startWorker(() => new Promise(() => {}))
  await eventually(`${id} is active`, async () => (await job.getState()) === 'active')
  await worker.close(true)
  await admin.del(`${base}:${id}:lock`)
  return job
}

describe('bullmq.resume', () => {
  test('resumes a paused queue, and its workers continue immediately', async () => {
    await queue.pause()
    const done: string[] = []
    startWorker(async (job) => void done.push(job.id!))
    await addJob('a')
    await addJob('b', { priority: 5 })

    const effect = await applied('bullmq.resume')

    expect(effect).toMatchObject({ result: 'applied', observed: { paused: false, waiting: 2 } })
    await eventually('both jobs are done', async () => done.length === 2, 4_000)
  })

  test('is refused when the queue is no longer paused', async () => {
    expect(await applied('bullmq.resume')).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('no longer paused'),
    })
  })

  test('is applied once, even if the engine lost its record and the queue was paused again', async () => {
    await queue.pause()
    const request = requestFor(await openTestGate(world), 'bullmq.resume', { connection: 'queue' })
    const { takePermit, requests } = permits()
    const deps = depsFor(world, targets(), takePermit)
    const first = await executeEffect(request, deps)
    await world.engineOwner.query('ALTER TABLE runbook.effects DISABLE TRIGGER USER')
    await world.engineOwner.query('DELETE FROM runbook.effects WHERE gate = $1', [request.gate])
    await world.engineOwner.query('ALTER TABLE runbook.effects ENABLE TRIGGER USER')
    await queue.pause()

    expect(await executeEffect(request, deps)).toEqual(first)
    expect(await queue.isPaused()).toBe(true)
    expect(requests).toHaveLength(1)
  })

  test('is applied once by two attempts at the same time', async () => {
    await queue.pause()
    const request = requestFor(await openTestGate(world), 'bullmq.resume', { connection: 'queue' })
    const deps = depsFor(world, targets(), permits({ lease: 'one' }).takePermit)
    const answers = await Promise.allSettled([executeEffect(request, deps), executeEffect(request, deps)])
    const effects = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    // The attempt with the lower fence may fail and have to be repeated. Every attempt that answers must answer `applied`.
    expect(effects.length).toBeGreaterThan(0)
    for (const effect of effects) expect(effect).toMatchObject({ effect: { result: 'applied' } })
    expect(await executeEffect(request, deps)).toMatchObject({ effect: { result: 'applied' } })
  })
})

describe('a script', () => {
  test('is refused if Redis contains the same effect for another proposal', async () => {
    await queue.pause()
    const request = requestFor(await openTestGate(world), 'bullmq.resume', { connection: 'queue' })
    await admin.set(
      `${base}:runbook:effect:${await engineId(world.engine)}/${request.gate}/0-bullmq.resume/run-1`,
      JSON.stringify({ digest: '0'.repeat(64), result: 'applied', detail: '' }),
    )
    const answer = await executeEffect(request, depsFor(world, targets(), permits().takePermit))
    expect(answer).toMatchObject({ effect: { result: 'refused', detail: expect.stringContaining('another proposal') } })
    expect(await queue.isPaused()).toBe(true)
  })

  test('with a lower fence than the one in Redis changes nothing', async () => {
    await queue.pause()
    await admin.set(`${base}:runbook:fence:${await engineId(world.engine)}/run/1`, '2')
    const request = requestFor(await openTestGate(world), 'bullmq.resume', { connection: 'queue' })
    const deps = depsFor(world, targets(), permits({ lease: 'run/1' }).takePermit)
    await expect(executeEffect(request, deps)).rejects.toMatchObject({ code: 'RUNBOOK_CONFLICT' })
    expect(await queue.isPaused()).toBe(true)
    expect(await executeEffect(request, deps)).toMatchObject({ effect: { result: 'applied' } })
  })

  test('after its deadline changes nothing', async () => {
    await queue.pause()
    const request = {
      ...requestFor(await openTestGate(world), 'bullmq.resume', { connection: 'queue' }),
      timeoutMs: 1_000,
    }
    const { takePermit } = permits({ before: () => new Promise((resolve) => setTimeout(resolve, 1_100)) })
    await expect(executeEffect(request, depsFor(world, targets(), takePermit))).rejects.toThrow(/deadline/)
    expect(await queue.isPaused()).toBe(true)
  })

  test('without a permit changes nothing, and an attempt with an older permit then returns the refusal', async () => {
    await queue.pause()
    const request = requestFor(await openTestGate(world), 'bullmq.resume', { connection: 'queue' })
    let refused: unknown
    const { takePermit } = permits({
      // While this attempt has its permit but has not written yet, another attempt is refused.
      before: async () => void (refused = await executeEffect(request, depsFor(world, targets(), denying('breaker')))),
    })
    const answer = await executeEffect(request, depsFor(world, targets(), takePermit))
    expect(refused).toMatchObject({ effect: { result: 'refused', detail: 'no permit (breaker): it is breaker' } })
    expect(answer).toEqual(refused)
    expect(await queue.isPaused()).toBe(true)
  })
})

describe('bullmq.retry', () => {
  test('moves a failed job back to waiting with its data and counters', async () => {
    const job = await addFailedJob('failed-1')
    const effect = await applied('bullmq.retry', { id: 'failed-1' })
    expect(effect).toMatchObject({ result: 'applied', observed: { state: 'waiting' } })
    expect(await job.getState()).toBe('waiting')
    const seen: unknown[] = []
    startWorker(async (again) => void seen.push([again.data, again.attemptsMade]))
    await eventually('it runs', async () => (await job.getState()) === 'completed')
    expect(seen).toEqual([[{ for: 'failed-1' }, 1]])
  })

  test('keeps the priority of the job', async () => {
    const job = await addFailedJob('failed-2', { priority: 7 })
    expect(await applied('bullmq.retry', { id: 'failed-2' })).toMatchObject({
      result: 'applied',
      observed: { state: 'prioritized' },
    })
    expect(await job.getState()).toBe('prioritized')
    expect((await queue.getJob('failed-2'))?.priority).toBe(7)
  })

  test('is refused for a job that is waiting, missing or locked', async () => {
    await addFailedJob('failed-3')
    await addJob('waiting-1')
    await admin.set(`${base}:failed-3:lock`, 'token')
    expect(await applied('bullmq.retry', { id: 'waiting-1' })).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('no longer in the failed jobs'),
    })
    expect(await applied('bullmq.retry', { id: 'gone' })).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('no longer exists'),
    })
    expect(await applied('bullmq.retry', { id: 'failed-3' })).toMatchObject({
      result: 'refused',
      detail: expect.stringContaining('holds'),
    })
  })

  test.each(['meta', 'failed', 'events', 'wait', '*', '../x', ''])(
    'is refused for %j, which is not a job',
    async (id) => {
      await addFailedJob('real')
      expect(await applied('bullmq.retry', { id })).toMatchObject({ result: 'refused' })
      expect(await queue.getJobCounts('failed')).toEqual({ failed: 1 })
    },
  )
})

describe('bullmq.quarantine', () => {
  test.each([
    ['waiting', async () => addJob('job')],
    ['prioritized', async () => addJob('job', { priority: 3 })],
    ['delayed', async () => addJob('job', { delay: 60_000 })],
    ['active', async () => addStalledJob('job')],
  ])('moves a %s job to failed and keeps its data', async (from, add) => {
    const job = await add()
    expect(await applied('bullmq.quarantine', { id: 'job' })).toMatchObject({
      result: 'applied',
      observed: { state: 'failed', from },
    })
    expect(await job.getState()).toBe('failed')
    expect((await queue.getJob('job'))?.data).toEqual({ for: 'job' })
    expect(await admin.zscore(`${base}:dead-letter`, 'job')).not.toBeNull()
    expect(await admin.hget(`${base}:dead-letter:job`, 'data')).toBe('{"for":"job"}')
    expect(await queue.getJobCounts('wait', 'prioritized', 'delayed', 'active')).toEqual({
      wait: 0,
      prioritized: 0,
      delayed: 0,
      active: 0,
    })
  })

  test('can be undone: after a retry the job runs', async () => {
    const job = await addJob('job')
    await applied('bullmq.quarantine', { id: 'job' })
    expect(await applied('bullmq.retry', { id: 'job' })).toMatchObject({ result: 'applied' })
    startWorker(async () => 'done')
    await eventually('it runs', async () => (await job.getState()) === 'completed')
    expect(await admin.exists(`${base}:dead-letter:job`)).toBe(0)
    expect(await admin.zcard(`${base}:dead-letter`)).toBe(0)
  })

  test('marks a job that a worker has locked: the job fails without running when a worker takes it again', async () => {
    const job = await addJob('pill', { attempts: 5 })
    const crashing = startWorker(() => new Promise(() => {}), { lockDuration: 1_000, stalledInterval: 500 })
    await eventually('it is active', async () => (await job.getState()) === 'active')
    const quarantined = applied('bullmq.quarantine', { id: 'pill' })
    await marked('pill')
    await crashing.close(true)
    expect(await quarantined).toMatchObject({
      result: 'applied',
      detail: expect.stringContaining('no worker holds the job any more'),
      observed: { state: 'marked', from: 'active' },
    })
    const ran: string[] = []
    startWorker(async (again) => void ran.push(again.id!), { lockDuration: 1_000, stalledInterval: 500 })
    await eventually('it has failed', async () => (await job.getState()) === 'failed')
    expect(ran).toEqual([])
    expect((await queue.getJob('pill'))?.failedReason).toContain('quarantined')
  })

  describe('of a job that a worker holds', () => {
    test('is applied when the job is picked up again and fails, and a copy is kept', async () => {
      const { job, end } = await held({ attempts: 5, backoff: 1_000 })
      const quarantined = applied('bullmq.quarantine', { id: 'held' })
      await marked('held')
      end(new Error('a first failure'))
      await eventually('it has failed', async () => (await job.getState()) === 'failed')
      expect(['failed', 'marked']).toContain((await quarantined).observed?.['state'])
      expect(await quarantined).toMatchObject({ result: 'applied' })
      expect(await admin.hget(`${base}:dead-letter:held`, 'data')).toBe('{"for":"held"}')
    })

    test('is refused if the worker completes the job, or fails it for another reason', async () => {
      const completed = await held({})
      const first = applied('bullmq.quarantine', { id: 'held' })
      await marked('held')
      completed.end()
      expect(await first).toMatchObject({ result: 'refused', observed: { state: 'completed', from: 'active' } })
      await completed.worker.close()
      await completed.job.remove()

      const failed = await held({})
      const second = applied('bullmq.quarantine', { id: 'held' })
      await marked('held')
      failed.end(new Error('its own failure'))
      expect(await second).toMatchObject({
        result: 'refused',
        detail: expect.stringContaining('for another reason'),
        observed: { state: 'failed', from: 'active' },
      })
      expect(await admin.zcard(`${base}:dead-letter`)).toBe(0)
    })

    test('is unknown if the job is deleted when it ends, or if the worker still holds it at the time limit', async () => {
      const deleted = await held({ removeOnComplete: true })
      const first = applied('bullmq.quarantine', { id: 'held' })
      await marked('held')
      deleted.end()
      expect(await first).toMatchObject({ result: 'unknown', observed: { state: 'absent', from: 'active' } })
      await deleted.worker.close()

      const lasting = await held({})
      expect(await applied('bullmq.quarantine', { id: 'held' }, permits().takePermit, 1_000)).toMatchObject({
        result: 'unknown',
        detail: expect.stringContaining('still holds the job'),
      })
      lasting.end()
    })

    test('is found out by the next attempt, if the process died while it waited', async () => {
      const { end } = await held({})
      const request = requestFor(await openTestGate(world), 'bullmq.quarantine', { connection: 'queue', id: 'held' })
      request.timeoutMs = 20_000
      const dying: Redis = Object.assign(Object.create(write) as Redis, {
        exists: () => Promise.reject(new Error('the process died')),
      })
      await expect(executeEffect(request, depsFor(world, targets(dying), permits().takePermit))).rejects.toThrow(
        'the process died',
      )
      end()
      const answer = await executeEffect(request, depsFor(world, targets(), denying('breaker')))
      expect(answer).toMatchObject({ effect: { result: 'refused', observed: { state: 'completed' } } })
    })
  })

  test('is refused for a job that has finished or does not exist', async () => {
    await addFailedJob('broken')
    expect(await applied('bullmq.quarantine', { id: 'broken' })).toMatchObject({
      result: 'refused',
      observed: { state: 'failed' },
    })
    expect(await applied('bullmq.quarantine', { id: 'gone' })).toMatchObject({
      result: 'refused',
      observed: { state: 'absent' },
    })
  })

  test('allows a new job with the same deduplication id', async () => {
    await addJob('first', { deduplication: { id: 'only-one' } })
    await applied('bullmq.quarantine', { id: 'first' })
    expect((await addJob('second', { deduplication: { id: 'only-one' } })).id).toBe('second')
    expect(await queue.getJobCountByTypes('wait')).toBe(1)
  })

  test('frees a slot under a global concurrency limit, and the next job runs', async () => {
    await queue.setGlobalConcurrency(1)
    await addStalledJob('stuck')
    const next = await addJob('next')
    startWorker(async () => 'done', { stalledInterval: 60_000 })
    expect(await applied('bullmq.quarantine', { id: 'stuck' })).toMatchObject({ result: 'applied' })
    await eventually('the next job is completed', async () => (await next.getState()) === 'completed', 4_000)
  })

  test('loses no job and runs no job twice while workers take the same jobs', async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 100_000)
    console.log(`seed ${seed}`)
    const ids = Array.from({ length: 120 }, (_, i) => `race-${i}`)
    await queue.addBulk(
      ids.map((id, i) => ({ name: 'step', data: { for: id }, opts: { jobId: id, priority: (i * seed) % 3 } })),
    )
    const ran = new Map<string, number>()
    const run = async (job: Job) => {
      ran.set(job.id!, (ran.get(job.id!) ?? 0) + 1)
      await new Promise((resolve) => setTimeout(resolve, 5 + ((job.id!.length * seed) % 20)))
    }
    startWorker(run, { concurrency: 2 })
    startWorker(run, { concurrency: 2 })
    // The quarantine takes the jobs in reverse order, so that at some job it runs at the same time as a worker.
    const picked = ids.filter((_, i) => (i * 7919 + seed) % 2 === 0).reverse()
    const effects = new Map<string, Effect>()
    await Promise.all(
      [0, 1, 2].map(async (lane) => {
        for (const id of picked.filter((_, i) => i % 3 === lane))
          effects.set(id, await applied('bullmq.quarantine', { id }))
      }),
    )
    await eventually(
      'all jobs are finished',
      async () => {
        const counts = await queue.getJobCounts('completed', 'failed')
        return (counts['completed'] ?? 0) + (counts['failed'] ?? 0) === ids.length
      },
      30_000,
    )

    for (const id of ids) {
      const quarantined = effects.get(id)?.observed?.['state'] === 'failed'
      expect([id, await (await queue.getJob(id))!.getState(), ran.get(id) ?? 0]).toEqual(
        quarantined ? [id, 'failed', 0] : [id, 'completed', 1],
      )
    }
    const kept = [...effects.values()].filter((one) => one.observed?.['state'] === 'failed')
    expect(kept.length).toBeGreaterThan(0)
    expect(kept.length).toBeLessThan(picked.length)
    expect(await admin.zcard(`${base}:dead-letter`)).toBe(kept.length)
  })
})

describe('the write user', () => {
  test.each([
    ['a key of another queue', () => write.set('elsewhere', '1')],
    ['a key of another queue from a script', () => write.eval(`return redis.call('SET', 'elsewhere', '1')`, 0)],
    ['FLUSHALL', () => write.call('FLUSHALL')],
    ['KEYS', () => write.call('KEYS', '*')],
    ['CONFIG', () => write.call('CONFIG', 'SET', 'maxmemory', '1')],
    ['CLIENT KILL', () => write.call('CLIENT', 'KILL', 'TYPE', 'normal')],
  ])('has no right to use %s', async (_, attempt) => {
    await expect(attempt()).rejects.toThrow(/NOPERM|permission|can't access/i)
  })
})

describe('the preview', () => {
  test('shows a job before and after the action, and writes nothing', async () => {
    await addFailedJob('broken', { priority: 2 })
    const dump = async () =>
      Promise.all((await admin.keys(`${base}:*`)).sort().map(async (key) => [key, await admin.dump(key)]))
    const before = JSON.stringify(await dump())
    const context = { targets: targets(admin) as Targets, signal: new AbortController().signal }

    const retry = await previewAction('bullmq.retry', { connection: 'queue', id: 'broken' }, context)
    expect(retry).toMatchObject({
      summary: 'retry job broken in queue',
      count: 1,
      rows: [
        {
          before: { state: 'failed', lock: 'missing', failedReason: 'Connection refused' },
          after: { state: 'prioritized' },
        },
      ],
    })
    expect(retry.warning).toBeUndefined()
    const quarantine = await previewAction('bullmq.quarantine', { connection: 'queue', id: 'gone' }, context)
    expect(quarantine).toMatchObject({ count: 0, warning: expect.stringContaining('no longer exists') })
    const resume = await previewAction('bullmq.resume', { connection: 'queue' }, context)
    expect(resume).toMatchObject({
      rows: [{ before: { paused: false } }],
      warning: expect.stringContaining('not paused'),
    })
    expect(JSON.stringify(await dump())).toBe(before)
  })

  test.each(['bullmq.retry', 'bullmq.quarantine'])(
    'of %s shows neither secrets in a job nor fields that the connection redacts',
    async (kind) => {
      resolveSecret('${STORE}', 'connection store (header)', { STORE: 'the-key-of-the-store' })
      await addFailedJob('quotes')
      const previewed = async (failedReason: string, redact: string[] = []) => {
        await admin.hset(`${base}:quotes`, { failedReason })
        const context = { targets: targets(admin, redact) as Targets, signal: new AbortController().signal }
        const { rows } = await previewAction(kind, { connection: 'queue', id: 'quotes' }, context)
        return rows![0]!.before.failedReason
      }
      expect(await previewed('401 for the-key-of-the-store\0 at redis://svc:hunter2hunter2@cache')).toBe(
        '401 for ***\uFFFD at redis://svc:***@cache',
      )
      expect(await previewed(`${'x'.repeat(290)}the-key-of-the-store`)).toBe(`${'x'.repeat(290)}***`)
      expect(await previewed(`${'x'.repeat(299)}\u{1F600}`)).toBe('x'.repeat(299))
      expect(await previewed('ada@example.org was refused', ['failedreason'])).toBe('[redacted]')
    },
  )
})
