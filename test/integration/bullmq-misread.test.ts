import { Worker as Worker6 } from 'bullmq'
import { Worker as Worker5 } from 'bullmq-5'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { bullmqWorld } from '../support/bullmq-world.ts'
import { eventually } from '../support/effects-world.ts'

/* What a queue does not show must not look like "nothing there". */

const { redis, prefix, connection, key, queueOf5, queueOf6, ...world } = bullmqWorld()
const { carryOut, check, closeAfterTest, read, startWorker } = world

afterEach(() => {
  vi.restoreAllMocks()
})

/** Runs until `count` jobs have ended. */
async function workUntil(count: number, Worker: typeof Worker5 | typeof Worker6, run: () => Promise<unknown>) {
  let started = 0
  const stop = startWorker(Worker, async () => {
    started++
    return run()
  })
  await eventually(
    `${count} jobs have ended`,
    async () => started === count && (await redis().llen(key('active'))) === 0,
  )
  await stop()
}

const decline = async () => {
  throw new Error('card declined')
}

describe.each([
  ['5', queueOf5, Worker5],
  ['6', queueOf6, Worker6],
] as const)('failed jobs that BullMQ %s deleted', (_, makeQueue, Worker) => {
  test('are counted, and the number of failures is not 0', async () => {
    const queue = makeQueue()
    for (let i = 0; i < 3; i++) await queue.add('pay', {}, { removeOnFail: true })
    await workUntil(3, Worker, decline)
    expect((await read('bullmq.failures')).result).toMatchObject({ total: 0, removed: 3, truncated: true })
    expect((await read('bullmq.failures', { since: '1h' })).result).toMatchObject({ removed: 3 })
  })

  test('are counted beside those that are kept', async () => {
    const queue = makeQueue()
    for (let i = 0; i < 5; i++) await queue.add('pay', {}, { removeOnFail: 2 })
    await workUntil(5, Worker, decline)
    expect((await read('bullmq.failures')).result).toMatchObject({ total: 2, removed: 3, truncated: true })
  })

  test('are not those that a person removed or retried', async () => {
    const queue = makeQueue()
    const jobs = [await queue.add('pay', {}), await queue.add('pay', {})]
    await workUntil(2, Worker, decline)
    await (await queue.getJob(jobs[0]!.id!))!.remove()
    await (await queue.getJob(jobs[1]!.id!))!.retry()
    expect((await read('bullmq.failures')).result).toMatchObject({ total: 0, removed: 0, truncated: false })
  })
})

describe('a queue that does not exist', () => {
  test.each([
    ['bullmq.failures', {}],
    ['bullmq.jobs', { states: ['failed'] }],
  ])('has no jobs that %s could deny', async (kind, parameters) => {
    expect(await check(kind, parameters)).toMatchObject({
      status: 'failed',
      error: expect.stringContaining(`has no queue ${prefix()}:queue`),
    })
    await queueOf6().waitUntilReady()
    expect((await read(kind, parameters)).rows).toEqual([])
  })
})

test('a worker of another database of the same Redis is no worker of the queue', async () => {
  await queueOf6().add('x', {})
  const url = new URL(connection().url)
  url.pathname = '/3'
  const worker = new Worker6('queue', async () => {}, {
    prefix: prefix(),
    connection: { ...connection(), url: url.href },
  })
  closeAfterTest(worker.on('error', () => {}))
  const name = `name=${prefix()}:${Buffer.from('queue').toString('base64')} `
  await eventually('the worker waits', async () => String(await redis().client('LIST')).includes(name))
  expect((await read('bullmq.queue')).result).toMatchObject({ workers: 0, workersUnknown: false })
})

describe('clocks that differ', () => {
  const kinds: [string, JsonObject][] = [
    ['bullmq.queue', {}],
    ['bullmq.failures', {}],
    ['bullmq.jobs', { states: ['failed'] }],
  ]

  test.each([
    ['is ahead', 600_000],
    ['is behind', -600_000],
  ])('no age is known while the clock of the worker of the engine %s', async (_, ms) => {
    await queueOf6().add('pay', {})
    await workUntil(1, Worker6, decline)
    const { now } = Date
    vi.spyOn(Date, 'now').mockImplementation(() => now() + ms)
    const results = await Promise.all(kinds.map(([kind, parameters]) => check(kind, parameters)))
    vi.restoreAllMocks()
    for (const result of results)
      expect(result).toMatchObject({
        status: 'failed',
        error: expect.stringMatching(/the clocks of this worker and of the Redis server differ by (599|60\d) s/),
      })
    for (const [kind, parameters] of kinds) await read(kind, parameters)
  })

  test('no age is known while the clock of the application is behind, although the times look plausible', async () => {
    const queue = queueOf6()
    const { now } = Date
    vi.spyOn(Date, 'now').mockImplementation(() => now() - 600_000)
    for (let i = 0; i < 4; i++) await queue.add('pay', {})
    await workUntil(4, Worker6, decline)
    vi.restoreAllMocks()
    for (const [kind, parameters] of kinds)
      expect(await check(kind, parameters)).toMatchObject({
        status: 'failed',
        error: expect.stringContaining('the clocks of the application and of the Redis server differ by 600 s'),
      })
  })
})

test.each(['wait', 'failed'])(
  'an application that used %s as the id of a job has damaged its queue: an action is refused and changes nothing',
  async (id) => {
    await queueOf6().add('x', {}, { jobId: 'innocent' })
    // BullMQ 6 refuses such an id; applications in other languages and older versions do not.
    await redis().copy(key('innocent'), key(id), 'REPLACE')
    const before = await dump()
    const { gate, effect } = await carryOut('bullmq.quarantine', { id: 'innocent' })
    expect(gate.warning).toContain('a job whose id is a name such as wait or failed overwrites a key of BullMQ')
    expect(effect).toMatchObject({
      result: 'refused',
      detail: expect.stringMatching(new RegExp(`:${id} holds a hash, but BullMQ keeps a (list|zset) there`)),
    })
    expect(await dump()).toEqual(before)
  },
)

/** The content of the queue, without the records of effects. */
async function dump(): Promise<[string, string][]> {
  const keys = (await redis().keys(`${prefix()}:queue:*`)).filter((one) => !one.includes(':runbook:')).toSorted()
  return Promise.all(keys.map(async (one): Promise<[string, string]> => [one, String(await redis().dump(one))]))
}
