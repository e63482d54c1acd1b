import { Queue as Queue6, RateLimitError, Worker as Worker6 } from 'bullmq'
import { Queue as Queue5, Worker as Worker5 } from 'bullmq-5'
import { describe, expect, test } from 'vitest'
import { bullmqWorld, HOUR } from '../support/bullmq-world.ts'
import { eventually } from '../support/effects-world.ts'

const { redis, prefix, connection, key, queueOf5, queueOf6, ...world } = bullmqWorld()
const { closeAfterTest, startWorker, failJob, read, putJob } = world

/** The waiting time of one job, as both checks see it. */
async function waitingMs(id: string): Promise<unknown> {
  const { result } = await read('bullmq.queue')
  expect(result).toMatchObject({ oldestWaitingJob: id, truncated: false })
  const { row } = await read('bullmq.jobs', { ids: [id] })
  expect(Math.abs(Number(row.waitingMs) - Number(result.oldestWaitingMs))).toBeLessThan(10_000)
  return row.waitingMs
}

const old = { timestamp: Date.now() - HOUR }

describe.each([
  ['5', (): Queue5 | Queue6 => queueOf5(), Worker5],
  ['6', (): Queue5 | Queue6 => queueOf6(), Worker6],
] as const)('a job of BullMQ %s', (_, makeQueue, Worker) => {
  test('that a worker returned because of a rate limit waits since then', async () => {
    await makeQueue().add('x', {}, { jobId: 'limited', ...old })
    const options = { prefix: prefix(), connection: connection(), limiter: { max: 1, duration: 60_000 } }
    const run = async (): Promise<void> => {
      await worker.rateLimit(60_000)
      throw new RateLimitError()
    }
    const worker: Worker5<unknown, void> | Worker6<unknown, void> =
      Worker === Worker5
        ? new Worker5('queue', run, options).on('error', () => {})
        : new Worker6('queue', run, options).on('error', () => {})
    closeAfterTest(worker)
    await eventually('the job is back', async () => {
      const [active, wait] = await Promise.all([redis().llen(key('active')), redis().llen(key('wait'))])
      return active === 0 && wait === 1 && (await redis().exists(key('limiter'))) === 1
    })
    await worker.close()
    expect(await waitingMs('limited')).toBeLessThan(HOUR / 2)
    expect((await read('bullmq.queue')).result.rateLimitTtlMs).toBeGreaterThan(0)
  })

  test('that was retried after its backoff waits since the end of the backoff', async () => {
    const queue = makeQueue()
    await queue.add('x', {}, { jobId: 'again', attempts: 2, backoff: 300, ...old })
    let runs = 0
    const stop = startWorker(Worker, async () => {
      if (++runs === 1) throw new Error('first')
    })
    await eventually('the job is delayed', async () => (await redis().zscore(key('delayed'), 'again')) !== null)
    await stop()
    await eventually('its time has come', async () => {
      const { result } = await read('bullmq.queue')
      return result.overdue === 1 && Number(result.oldestOverdueMs) < HOUR / 2
    })
    await (await queue.getJob('again'))!.promote()
    expect(await waitingMs('again')).toBeLessThan(HOUR / 2)
  })

  test('that was retried with all others waits since then', async () => {
    const queue = makeQueue()
    await queue.add('x', {}, { jobId: 'again', ...old })
    await failJob(Worker, 'again')
    await queue.retryJobs({ state: 'failed' })
    expect(await waitingMs('again')).toBeLessThan(HOUR / 2)
  })

  test('that was put first waits since it was added', async () => {
    const queue = makeQueue()
    await queue.add('x', {}, { jobId: 'oldest', ...old })
    await queue.add('x', {}, { jobId: 'first', lifo: true })
    expect(await waitingMs('oldest')).toBeGreaterThanOrEqual(HOUR)
  })

  test('of a scheduler waits since its time, not since it was made', async () => {
    const queue = makeQueue()
    await queue.upsertJobScheduler('nightly', { every: 24 * HOUR, startDate: Date.now() + HOUR }, { name: 'report' })
    const [next] = await queue.getJobs(['delayed', 'waiting'])
    if ((await next!.getState()) === 'delayed') await next!.promote()
    expect((await read('bullmq.jobs', { ids: [next!.id!] })).row.waitingMs).toBeLessThan(HOUR / 2)
  })
})

describe('clocks that differ', () => {
  test('a job from the future has waited for an unknown time, not for none', async () => {
    await putJob('ahead', { timestamp: Date.now() + HOUR })
    expect((await read('bullmq.jobs', { ids: ['ahead'] })).row.waitingMs).toBeNull()
    expect((await read('bullmq.queue')).result).toMatchObject({ oldestWaitingMs: null, truncated: true })
  })

  test('a job that was started in the future is active for an unknown time', async () => {
    await putJob('ahead', { processedOn: Date.now() + HOUR, ats: 1 }, 'active')
    expect((await read('bullmq.jobs', { ids: ['ahead'] })).row.activeMs).toBeNull()
    expect((await read('bullmq.queue')).result).toMatchObject({ oldestActiveMs: null, truncated: true })
  })

  test('a difference of a second is none', async () => {
    await putJob('ahead', { timestamp: Date.now() + 1_000 })
    expect((await read('bullmq.jobs', { ids: ['ahead'] })).row.waitingMs).toBe(0)
  })
})

test('jobs that workers take and end while the queue is read do not make its ages incomplete', async () => {
  const queue = queueOf6()
  closeAfterTest({ close: startWorker(Worker6, async () => {}) })
  let waited = 0
  for (let round = 0; round < 25; round += 1) {
    await queue.addBulk(Array.from({ length: 30 }, () => ({ name: 'x', data: {}, opts: { removeOnComplete: true } })))
    const { result } = await read('bullmq.queue')
    expect(result.truncated).toBe(false)
    if (result.oldestWaitingMs !== null) waited += 1
  }
  expect(waited).toBeGreaterThan(5)
})
