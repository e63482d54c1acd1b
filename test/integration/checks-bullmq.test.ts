import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Queue, UnrecoverableError, Worker } from 'bullmq'
import type { Job, WorkerOptions } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test, vi } from 'vitest'
import { runCheck } from '../../activities/checks/run-check.ts'
import { Secret } from '../../src/config/secret.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'

type Row = Record<string, unknown>

const INTERVAL_MS = 500
let redisUrl: string
let redis: Redis
let prefix: string
let queue: Queue
let targets: Targets
let workers: Worker[]
/** Releases the jobs that wait in `hold`. */
let release: () => void
let held: Promise<void>

const secret = (value: string) => new Secret('${X}', 'test', value, [])

beforeAll(() => {
  redisUrl = inject('stack').redisUrl
  redis = new Redis(redisUrl)
})
afterAll(() => redis.disconnect())

beforeEach(async () => {
  prefix = `checks-${randomBytes(4).toString('hex')}`
  workers = []
  held = new Promise((resolve) => (release = resolve))
  queue = new Queue('queue', { prefix, connection: { url: redisUrl } })
  await queue.waitUntilReady()
  targets = openTargets({
    connections: {
      // Other test files have connections to the same Redis. None of them has this name in CLIENT LIST.
      'checked-queue': {
        kind: 'bullmq',
        read: secret(redisUrl),
        prefix,
        queue: 'queue',
        stalledIntervalMs: INTERVAL_MS,
        redact: ['email'],
      },
      none: {
        kind: 'bullmq',
        read: secret(redisUrl),
        prefix: `${prefix}-none`,
        queue: 'queue',
        stalledIntervalMs: 500,
        redact: [],
      },
      nowhere: {
        kind: 'bullmq',
        read: secret('redis://u:hunter2@127.0.0.1:1'),
        prefix,
        queue: 'q',
        stalledIntervalMs: 1,
        redact: [],
      },
      refused: { kind: 'redis', read: secret(withUser(redisUrl, 'nobody', 'hunter2')), keys: ['*'], redact: [] },
    },
  })
})

afterEach(async () => {
  release()
  await Promise.all(workers.map((worker) => worker.close()))
  await targets.close()
  await queue.obliterate({ force: true })
  await queue.close()
})

function withUser(url: string, user: string, password: string): string {
  return Object.assign(new URL(url), { username: user, password }).toString()
}

function check(kind: string, parameters: JsonObject = {}, timeoutMs = 5_000) {
  const given = { connection: 'checked-queue', ...parameters }
  return runCheck({ name: 'c', kind, parameters: given, timeoutMs, retries: 0, place: 'r1/check/c' }, targets)
}

async function readQueue(parameters: JsonObject = {}, timeoutMs?: number): Promise<Row> {
  const evidence = await check('bullmq.queue', parameters, timeoutMs)
  expect(evidence).toMatchObject({ status: 'ok' })
  return evidence.result!
}

async function jobs(parameters: JsonObject): Promise<Row[]> {
  const evidence = await check('bullmq.jobs', parameters)
  expect(evidence).toMatchObject({ status: 'ok' })
  return evidence.result!.rows as Row[]
}

async function startWorker(run: (job: Job) => Promise<unknown>, options: Partial<WorkerOptions> = {}): Promise<Worker> {
  const worker = new Worker('queue', run, {
    prefix,
    connection: { url: redisUrl, maxRetriesPerRequest: null },
    stalledInterval: INTERVAL_MS,
    ...options,
  })
  worker.on('error', () => {})
  workers.push(worker)
  await worker.waitUntilReady()
  return worker
}

const key = (part: string) => `${prefix}:queue:${part}`

/** Every key with a prefix, with its value. */
async function contents(of: string): Promise<Record<string, string>> {
  const names = (await redis.keys(`${of}:*`)).sort()
  const dumps = await Promise.all(
    names.map(async (name) => [name, String((await redis.dumpBuffer(name))?.toString('hex'))]),
  )
  return Object.fromEntries(dumps) as Record<string, string>
}

test('the counts of a queue are the same as in BullMQ', async () => {
  await queue.add('plain', {})
  await queue.add('plain', {})
  await queue.add('urgent', {}, { priority: 3 })
  await queue.add('later', {}, { delay: 60_000 })
  const state = await readQueue()
  const { wait, prioritized, delayed } = await queue.getJobCounts('wait', 'prioritized', 'delayed')
  expect(state).toMatchObject({ exists: true, waiting: wait, prioritized, delayed, active: 0, failed: 0, completed: 0 })
  expect(state).toMatchObject({ waiting: 2, paused: false, workers: 0, workerNames: [], concurrency: null })
})

test('a paused queue is reported with its waiting jobs', async () => {
  await queue.add('plain', {})
  await queue.pause()
  expect(await readQueue()).toMatchObject({ paused: true, waiting: 1 })
  await queue.resume()
  expect(await readQueue()).toMatchObject({ paused: false, waiting: 1 })
})

test('workers are counted by their connections, named and unnamed, of this queue only', async () => {
  await startWorker(async () => {}, { name: 'w-1' })
  await startWorker(async () => {}, { concurrency: 5 })
  const other = new Worker('queue-2', async () => {}, {
    prefix,
    connection: { url: redisUrl, maxRetriesPerRequest: null },
  })
  workers.push(other)
  await other.waitUntilReady()
  await expect.poll(() => readQueue()).toMatchObject({ workers: 2, workerNames: ['w-1'] })
  expect(await queue.getWorkersCount()).toBe(2)
})

test('the oldest waiting and the oldest active job are reported', async () => {
  await startWorker(() => held)
  await queue.add('plain', {}, { jobId: 'first' })
  await expect.poll(() => queue.getActiveCount()).toBe(1)
  await queue.add('plain', {}, { jobId: 'second', timestamp: Date.now() - 60_000 })
  await queue.add('plain', {}, { jobId: 'third' })
  const state = await readQueue()
  expect(state).toMatchObject({ oldestWaitingJob: 'second', oldestActiveJob: 'first' })
  expect(state.oldestWaitingMs).toBeGreaterThanOrEqual(60_000)
  expect(state.oldestActiveMs).toBeLessThan(10_000)
})

test('global concurrency and a used-up rate limit are reported', async () => {
  await queue.setGlobalConcurrency(3)
  await queue.setGlobalRateLimit(1, 60_000)
  await startWorker(async () => {})
  await queue.add('plain', {})
  await queue.add('plain', {})
  await expect.poll(() => queue.getCompletedCount()).toBe(1)
  const state = await readQueue()
  expect(state).toMatchObject({ concurrency: 3, rateLimitMax: 1, rateLimitCount: 1, waiting: 1 })
  expect(state.rateLimitTtlMs).toBeGreaterThan(50_000)
})

test('a counter below the limit of the workers is no rate limit', async () => {
  await startWorker(async () => {}, { limiter: { max: 100, duration: 60_000 } })
  await queue.add('plain', {})
  await expect.poll(() => queue.getCompletedCount()).toBe(1)
  expect(await readQueue()).toMatchObject({ rateLimitMax: null, rateLimitCount: 1, rateLimitTtlMs: null })
})

test('a worker that checks for stalled jobs is detected, with and without watching', async () => {
  await startWorker(async () => {})
  await expect.poll(async () => (await readQueue()).stalledChecker).toBe(true)
  expect(await readQueue({ watchStalledCheck: true })).toMatchObject({ stalledChecker: true })
})

test('a missing stalled check is reported only after watching for two intervals', async () => {
  await startWorker(async () => {}, { skipStalledCheck: true })
  expect(await readQueue()).toMatchObject({ stalledChecker: null })
  const started = Date.now()
  expect(await readQueue({ watchStalledCheck: true })).toMatchObject({ stalledChecker: false })
  expect(Date.now() - started).toBeGreaterThanOrEqual(2 * INTERVAL_MS)
})

test('a key that appears only briefly is detected while watching', async () => {
  const watching = readQueue({ watchStalledCheck: true })
  await expect.poll(async () => String(await redis.client('LIST')).includes('runbook:checked-queue:read')).toBe(true)
  await redis.set(key('stalled-check'), '1', 'PX', 120)
  expect(await watching).toMatchObject({ stalledChecker: true })
})

test('a clock that is set forward does not end the watch early', async () => {
  const watching = readQueue({ watchStalledCheck: true })
  await expect.poll(async () => String(await redis.client('LIST')).includes('runbook:checked-queue:read')).toBe(true)
  const now = Date.now
  vi.spyOn(Date, 'now').mockImplementation(() => now() + 4 * INTERVAL_MS)
  try {
    // Several samples are taken in this time.
    await sleep(INTERVAL_MS / 2)
    await redis.set(key('stalled-check'), '1', 'PX', 300)
    expect(await watching).toMatchObject({ stalledChecker: true })
  } finally {
    vi.restoreAllMocks()
  }
})

test('a timeout that is too short for watching is a clear error', async () => {
  const evidence = await check('bullmq.queue', { watchStalledCheck: true }, 1_500)
  expect(evidence).toMatchObject({ status: 'failed', error: expect.stringContaining('must be at least 2s') })
})

test('a queue that does not exist is reported as such, and nothing is created', async () => {
  const state = await readQueue({ connection: 'none' })
  expect(state).toMatchObject({ exists: false, paused: false, waiting: 0, oldestWaitingMs: null })
  expect(await redis.keys(`${prefix}-none:*`)).toEqual([])
})

test('the checks change nothing', async () => {
  await queue.add('plain', { a: 1 }, { jobId: 'a' })
  await queue.add('urgent', {}, { jobId: 'b', priority: 1 })
  await queue.pause()
  const before = await contents(prefix)
  await readQueue()
  await jobs({ states: ['waiting', 'prioritized', 'failed', 'completed', 'delayed', 'active', 'waiting-children'] })
  await jobs({ ids: ['a', 'nope'] })
  await check('bullmq.failures')
  expect(await contents(prefix)).toEqual(before)
})

test('each requested job has a row, present or absent, and null ids are ignored', async () => {
  await queue.add('plain', { run: 'r1', email: 'x@example.org' }, { jobId: 'a', attempts: 3 })
  const rows = await jobs({ ids: ['a', null, 'gone', 'a'] })
  expect(rows).toMatchObject([
    {
      id: 'a',
      state: 'waiting',
      lock: 'none',
      name: 'plain',
      data: { run: 'r1', email: '[redacted]' },
      attemptsMade: 0,
      attemptsStarted: 0,
      maxAttempts: 3,
      processedOn: null,
    },
    { id: 'gone', state: 'absent', lock: 'none', name: null, data: null, waitingMs: null },
  ])
  expect(rows[0]!.waitingMs).toBeGreaterThanOrEqual(0)
})

test('every state is the same as in BullMQ', async () => {
  const parent = await queue.add('parent', {}, { jobId: 'parent' })
  await startWorker(
    async (job, token?: string) => {
      if (job.id === 'good') return 'ok'
      if (job.id === 'bad') throw new Error('Connection refused')
      if (job.id === 'parent') {
        await queue.add(
          'child',
          {},
          { jobId: 'child', delay: 60_000, parent: { id: 'parent', queue: `${prefix}:queue` } },
        )
        const { WaitingChildrenError } = await import('bullmq')
        if (await job.moveToWaitingChildren(token!)) throw new WaitingChildrenError()
      }
      return held
    },
    { name: 'w-1', concurrency: 5 },
  )
  await queue.addBulk([
    { name: 'x', data: {}, opts: { jobId: 'good' } },
    { name: 'x', data: {}, opts: { jobId: 'bad' } },
    { name: 'x', data: {}, opts: { jobId: 'busy' } },
    { name: 'x', data: {}, opts: { jobId: 'later', delay: 60_000 } },
  ])
  await expect
    .poll(() => queue.getJobCounts())
    .toMatchObject({ completed: 1, failed: 1, active: 1, 'waiting-children': 1 })
  await queue.pause()
  await queue.add('x', {}, { jobId: 'plain' })
  await queue.add('x', {}, { jobId: 'urgent', priority: 2 })
  const ids = ['good', 'bad', 'busy', 'later', 'plain', 'urgent', 'parent']
  const rows = await jobs({ ids })
  const states = await Promise.all(ids.map((id) => queue.getJobState(id)))
  expect(rows.map((row) => row.state)).toEqual(states)
  expect(rows.map((row) => row.state)).toEqual(
    'completed failed active delayed waiting prioritized waiting-children'.split(' '),
  )
  expect(rows[1]).toMatchObject({ failedReason: 'Connection refused', attemptsMade: 1, worker: 'w-1' })
  expect(rows[2]).toMatchObject({ lock: 'held', worker: 'w-1', attemptsStarted: 1, attemptsMade: 0 })
  expect(rows[2]!.activeMs).toBeGreaterThanOrEqual(0)
  expect(parent.id).toBe('parent')

  const finished = async (since: string) =>
    (await jobs({ states: ['failed', 'completed'], since })).map(({ id }) => id).toSorted()
  expect(await finished('1h')).toEqual(['bad', 'good'])
  await redis.zadd(`${queue.toKey('failed')}`, Date.now() - 7_200_000, 'bad')
  expect(await finished('1h')).toEqual(['good'])
  expect(await finished('3h')).toEqual(['bad', 'good'])
})

test('an active job without a lock is stalled, one with a lock is not', async () => {
  await startWorker(() => held, { concurrency: 2, skipStalledCheck: true, skipLockRenewal: true })
  await queue.addBulk(['kept', 'lost'].map((jobId) => ({ name: 'x', data: {}, opts: { jobId } })))
  await expect.poll(() => queue.getActiveCount()).toBe(2)
  await redis.del(key('lost:lock'))
  const rows = await jobs({ states: ['active'] })
  expect(rows.map((row) => [row.id, row.lock]).sort()).toEqual([
    ['kept', 'held'],
    ['lost', 'missing'],
  ])
})

test('stalls, starts and the reason are counted for a job that keeps losing its worker', async () => {
  await startWorker(async () => {}, { autorun: false }).then((worker) => worker.startStalledCheckTimer())
  await queue.add('x', {}, { jobId: 'poison' })
  const dead = await startWorker(() => held, { skipStalledCheck: true, skipLockRenewal: true, lockDuration: 300 })
  await expect.poll(async () => (await jobs({ ids: ['poison'] }))[0], { timeout: 10_000 }).toMatchObject({ stalls: 1 })
  expect((await jobs({ ids: ['poison'] }))[0]!.attemptsStarted).toBeGreaterThanOrEqual(1)
  release()
  await dead.close()
}, 20_000)

test('jobs by state are returned oldest first, and a job beyond the limit makes the result truncated', async () => {
  for (const jobId of ['a', 'b', 'c']) await queue.add('x', {}, { jobId })
  const evidence = await check('bullmq.jobs', { states: ['waiting'], limit: 2 })
  expect((evidence.result!.rows as Row[]).map((row) => row.id)).toEqual(['a', 'b'])
  expect(evidence.truncated).toBe(true)
  expect((await check('bullmq.jobs', { states: ['waiting'], limit: 3 })).truncated).toBe(false)
})

test('a job whose data is gone has a row without a name', async () => {
  await queue.add('x', {}, { jobId: 'evicted' })
  await redis.del(key('evicted'))
  expect((await jobs({ ids: ['evicted'] }))[0]).toMatchObject({ state: 'waiting', name: null, data: null })
})

test('failures are grouped by their common reason', async () => {
  await startWorker(
    async (job) => {
      const { reason, final } = job.data as { reason: string; final?: boolean }
      throw final ? new UnrecoverableError(reason) : new Error(reason)
    },
    { concurrency: 5 },
  )
  const reasons = [
    'connect ECONNREFUSED 127.0.0.1:9999 for run-1',
    'connect ECONNREFUSED 127.0.0.1:9999 for run-22',
    'connect ECONNREFUSED 127.0.0.1:8888 for run-3',
    'Worker timeout after 3001 ms',
    'Worker timeout after 2999 ms',
    'Worker timeout after 2000 ms',
  ]
  await queue.addBulk(
    reasons.map((reason, i) => ({ name: i < 3 ? 'infer' : 'load', data: { reason }, opts: { jobId: `f-${i}` } })),
  )
  await queue.add('odd', { reason: 'status 503', final: true }, { attempts: 5, jobId: 'f-final' })
  await expect.poll(() => queue.getFailedCount()).toBe(7)
  const { result, truncated } = await check('bullmq.failures', { since: '1h' })
  expect(truncated).toBe(false)
  expect(result!.total).toBe(7)
  const rows = result!.rows as Row[]
  expect(rows.map((row) => [row.reason, row.count, row.names, row.attemptsExhausted])).toEqual([
    ['Worker timeout after <n> ms', 3, ['load'], 3],
    ['connect ECONNREFUSED 127.0.0.1:9999 for run-<n>', 2, ['infer'], 2],
    expect.anything(),
    expect.anything(),
  ])
  expect(rows.slice(2)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ reason: 'connect ECONNREFUSED 127.0.0.1:8888 for run-<n>', count: 1, ids: ['f-2'] }),
      expect.objectContaining({ reason: 'status 503', count: 1, attemptsExhausted: 0 }),
    ]),
  )
  expect((await check('bullmq.failures', { limit: 3 })).result).toMatchObject({ total: 7, truncated: true })
  expect((await check('bullmq.failures', { since: '1ms' })).result).toMatchObject({ total: 0, rows: [] })
})

test('a configured secret in a reason is hidden before its digits are replaced', async () => {
  secret('pass-8842-word-5511')
  await startWorker(async () => {
    throw new Error('login with pass-8842-word-5511 was refused')
  })
  await queue.add('x', {}, { jobId: 'secret-1' })
  await expect.poll(() => queue.getFailedCount()).toBe(1)
  const { result } = await check('bullmq.failures', { since: '1h' })
  expect(result!.rows).toMatchObject([{ reason: 'login with *** was refused', example: 'login with *** was refused' }])
})

test.each([
  ['nowhere', 'bullmq.queue', 'connection nowhere: Redis at 127.0.0.1:1 does not answer: connect ECONNREFUSED'],
  ['refused', 'redis.info', 'refuses the login: the user or the password in the address is wrong (WRONGPASS'],
])(
  'a Redis that cannot be used (%s) is a failed check within seconds, without its password',
  async (connection, kind, message) => {
    const evidence = await check(kind, { connection })
    expect(evidence).toMatchObject({ status: 'failed', error: expect.stringContaining(message) })
    expect(JSON.stringify(evidence)).not.toContain('hunter2')
    expect(evidence.durationMs).toBeLessThan(3_000)
  },
)

test('after its connection was cut, the next check connects again', async () => {
  await readQueue()
  const [line] = String(await redis.client('LIST'))
    .split('\n')
    .filter((one) => one.includes('runbook:checked-queue:read'))
  await redis.call('CLIENT', 'KILL', 'ID', / ?id=(\d+)/.exec(line!)![1]!)
  await expect.poll(async () => (await check('bullmq.queue')).status).toBe('ok')
})
