import { Worker as Worker6, FlowProducer } from 'bullmq'
import { Worker as Worker5 } from 'bullmq-5'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { bullmqWorld, HOUR } from '../support/bullmq-world.ts'
import { eventually } from '../support/effects-world.ts'

const { redis, prefix, connection, key, queueOf5, queueOf6, ...world } = bullmqWorld()
const { closeAfterTest, startWorker, failJob, carryOut, check, read, putJob } = world

describe('counters of older versions', () => {
  test('the attempts and stalls of a job of BullMQ 4 are read', async () => {
    const fields = { opts: '{"attempts":3}', attemptsMade: 3, stalledCounter: 2, failedReason: 'boom' }
    await redis().hset(key('four'), { name: 'x', data: '{}', timestamp: 1, ...fields })
    await redis().zadd(key('failed'), Date.now(), 'four')
    const { row } = await read('bullmq.jobs', { ids: ['four'] })
    expect(row).toMatchObject({ attemptsMade: 3, attemptsStarted: 3, stalls: 2 })
    expect((await read('bullmq.failures')).row).toMatchObject({ reason: 'boom', attemptsExhausted: 1 })
    const { gate } = await carryOut('bullmq.retry', { id: 'four' })
    expect(gate.rows![0]!.before).toMatchObject({ attempts: 3, starts: 3, stalls: 2 })
  })

  test('the stalls of a job of BullMQ 5.34 are read', async () => {
    await queueOf5().add('x', {}, { jobId: 'stalls' })
    let started = false
    const options = { prefix: prefix(), connection: connection(), lockDuration: 300, stalledInterval: 200 }
    const worker = closeAfterTest(
      new Worker5('queue', () => new Promise(() => (started = true)), {
        ...options,
        maxStalledCount: 9,
        skipLockRenewal: true,
      }),
    ).on('error', () => {})
    await eventually(
      'the job stalls',
      async () => started && (await redis().hget(key('stalls'), 'stalledCounter')) === '1',
    )
    expect((await read('bullmq.jobs', { ids: ['stalls'] })).row.stalls).toBeGreaterThanOrEqual(1)
    await worker.close(true)
  })

  test('a job of BullMQ 4 that returned to the list has waited for an unknown time', async () => {
    await putJob('again', { attemptsMade: 1 })
    expect((await read('bullmq.jobs', { ids: ['again'] })).row.waitingMs).toBeNull()
  })
})

describe('the entries with which BullMQ 4 wakes its workers', () => {
  test('are not counted as jobs behind a pause', async () => {
    await redis().hset(key('meta'), 'paused', '1')
    await redis().lpush(key('paused'), `0:${Date.now() + HOUR}`)
    await putJob('real', {}, 'paused')
    expect((await read('bullmq.queue')).result).toMatchObject({ paused: true, waiting: 1 })
  })

  test('are not confused with ids that an application chose', async () => {
    await putJob('0:invoice')
    expect((await read('bullmq.queue')).result).toMatchObject({ waiting: 1, oldestWaitingJob: '0:invoice' })
  })
})

describe('a queue that Bull, the predecessor of BullMQ, paused', () => {
  /** What Bull leaves in Redis: the pause is a key of its own, and the jobs are in the list `paused`. */
  async function pausedByBull(): Promise<void> {
    await redis().set(key('meta-paused'), '1')
    await putJob('behind', {}, 'paused')
    await redis().hset(key('broken'), { name: 'x', data: '{}', opts: '{}', timestamp: 1, failedReason: 'boom' })
    await redis().zadd(key('failed'), Date.now(), 'broken')
  }

  test('is not reported as running: every check fails and names Bull', async () => {
    await pausedByBull()
    const reads: [string, JsonObject][] = [
      ['bullmq.queue', {}],
      ['bullmq.failures', {}],
      ['bullmq.jobs', { states: ['waiting'] }],
      ['bullmq.jobs', { ids: ['broken'] }],
    ]
    for (const [kind, parameters] of reads)
      expect(await check(kind, parameters)).toMatchObject({
        status: 'failed',
        error: expect.stringContaining('Bull paused the queue (key "meta-paused")'),
      })
  })

  test.each([
    ['bullmq.retry', { id: 'broken' }],
    ['bullmq.quarantine', { id: 'behind' }],
    ['bullmq.resume', {}],
  ])('%s is refused and changes nothing, because Bull would lose the job', async (kind, parameters) => {
    await pausedByBull()
    const { gate, effect } = await carryOut(kind, parameters)
    expect(gate.warning).toContain('Bull paused the queue')
    expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining('Bull paused the queue') })
    expect(await redis().lrange(key('paused'), 0, -1)).toEqual(['behind'])
    expect(await redis().exists(key('wait'), key('marker'))).toBe(0)
    expect(await redis().zscore(key('failed'), 'broken')).not.toBeNull()
  })
})

describe('the quarantine of a job that a worker holds', () => {
  test('is refused where the version does not know marks, with the reason on the gate', async () => {
    await queueOf5().add('x', {}, { jobId: 'held' })
    let finish = () => {}
    const stop = startWorker(Worker5, () => new Promise<void>((resolve) => (finish = resolve)))
    await eventually('the job is active', async () => (await redis().exists(key('held:lock'))) === 1)
    const { gate, effect } = await carryOut('bullmq.quarantine', { id: 'held' })
    expect(gate.warning).toContain('5.49.2')
    expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining('5.49.2') })
    expect(await redis().hexists(key('held'), 'defa')).toBe(0)
    finish()
    await stop()
  })

  test.each([['bullmq:5.49.1'], ['bullmq:4.18.3'], ['bullmq-pro:7.0.0'], [undefined]])(
    'is refused in %s',
    async (version) => {
      await putJob('held', {}, 'active')
      await redis().set(key('held:lock'), 'token')
      if (version !== undefined) await redis().hset(key('meta'), 'version', version)
      const { gate, effect } = await carryOut('bullmq.quarantine', { id: 'held' })
      expect([effect.result, gate.warning]).toEqual([
        'refused',
        expect.stringContaining('stop the worker of the job first'),
      ])
    },
  )

  test.each([['bullmq:5.49.2'], ['bullmq:6.0.0'], ['bullmq:10.1.0']])('is a mark in %s', async (version) => {
    await putJob('held', {}, 'active')
    await redis().set(key('held:lock'), 'token')
    await redis().hset(key('meta'), 'version', version)
    const carried = carryOut('bullmq.quarantine', { id: 'held' })
    await eventually('it is marked', async () => (await redis().hexists(key('held'), 'defa')) === 1)
    // The mark has a result only when the worker releases the job.
    await redis().del(key('held:lock'))
    const { gate, effect } = await carried
    expect([effect.result, gate.warning]).toEqual(['applied', undefined])
  })
})

test('a job that is quarantined from a list of BullMQ 3 is removed from its priorities too', async () => {
  await putJob('poison', { priority: 2 })
  await redis().zadd(key('priority'), 2, 'poison')
  expect((await carryOut('bullmq.quarantine', { id: 'poison' })).effect.result).toBe('applied')
  expect(await redis().zscore(key('priority'), 'poison')).toBeNull()
})

describe('flows', () => {
  test('a parent that failed before all its children is not retried, because BullMQ would not let it complete', async () => {
    const flow = closeAfterTest(new FlowProducer({ prefix: prefix(), connection: connection() }))
    await flow.add({
      name: 'parent',
      queueName: 'queue',
      opts: { jobId: 'parent' },
      children: [
        { name: 'broken', queueName: 'queue', opts: { jobId: 'broken', failParentOnFailure: true } },
        { name: 'later', queueName: 'queue', opts: { jobId: 'later', delay: HOUR } },
      ],
    })
    await failJob(Worker6, 'broken')
    const stop = startWorker(Worker6, async () => {})
    await eventually('the parent fails', async () => (await redis().zscore(key('failed'), 'parent')) !== null)
    await stop()
    const { gate, effect } = await carryOut('bullmq.retry', { id: 'parent' })
    expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('child jobs have not finished')])
    expect(await redis().zscore(key('failed'), 'parent')).not.toBeNull()
  })

  test('a parent whose child failed is not retried, because BullMQ would run it and not let it complete', async () => {
    const flow = closeAfterTest(new FlowProducer({ prefix: prefix(), connection: connection() }))
    const broken = { name: 'broken', queueName: 'queue', opts: { jobId: 'broken', failParentOnFailure: true } }
    await flow.add({ name: 'parent', queueName: 'queue', opts: { jobId: 'parent' }, children: [broken] })
    await failJob(Worker6, 'broken')
    const stop = startWorker(Worker6, async () => {})
    await eventually('the parent fails', async () => (await redis().zscore(key('failed'), 'parent')) !== null)
    await stop()
    const { gate, effect } = await carryOut('bullmq.retry', { id: 'parent' })
    expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('a child job failed')])
    expect(await redis().zscore(key('failed'), 'parent')).not.toBeNull()
  })

  test('a parent that waits for its children is not quarantined', async () => {
    const flow = closeAfterTest(new FlowProducer({ prefix: prefix(), connection: connection() }))
    const children = [{ name: 'child', queueName: 'queue' }]
    await flow.add({ name: 'parent', queueName: 'queue', opts: { jobId: 'parent' }, children })
    const { gate, effect } = await carryOut('bullmq.quarantine', { id: 'parent' })
    expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('none of the lists')])
    expect((await read('bullmq.jobs', { ids: ['parent'] })).row.state).toBe('waiting-children')
  })

  test('a child that failed is not retried, whatever its failure does to the parent', async () => {
    const flow = closeAfterTest(new FlowProducer({ prefix: prefix(), connection: connection() }))
    const children = (
      ['ignoreDependencyOnFailure', 'removeDependencyOnFailure', 'continueParentOnFailure'] as const
    ).map((option) => ({ name: option, queueName: 'queue', opts: { jobId: option, [option]: true } }))
    await flow.add({ name: 'parent', queueName: 'queue', opts: { jobId: 'parent', delay: HOUR }, children })
    for (const { name } of children) await failJob(Worker6, name)
    for (const { name } of children) {
      const { gate, effect } = await carryOut('bullmq.retry', { id: name })
      expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('flow')])
    }
  })
})

describe('deduplication', () => {
  test('the gate of a retry names the job that was added with the same deduplication id', async () => {
    const queue = queueOf6()
    await queue.add('x', {}, { jobId: 'first', deduplication: { id: 'customer-7' } })
    await failJob(Worker6, 'first')
    await queue.add('x', {}, { jobId: 'second', deduplication: { id: 'customer-7' } })
    const { gate, effect } = await carryOut('bullmq.retry', { id: 'first' })
    expect(gate.rows![0]!.after.note).toBe('job second was added with the same deduplication id: both can run')
    expect(effect.result).toBe('applied')
  })

  test('the gate of a retry has no such note for the newest job of its deduplication id', async () => {
    await queueOf6().add('x', {}, { jobId: 'only', deduplication: { id: 'customer-7', ttl: 60_000 } })
    await failJob(Worker6, 'only')
    const { gate } = await carryOut('bullmq.retry', { id: 'only' })
    expect(gate.rows![0]!.after).not.toHaveProperty('note')
  })
})

describe('groups of BullMQ Pro', () => {
  test('make the state of a queue unknown', async () => {
    await putJob('ungrouped')
    await redis().zadd(key('groups'), 1, 'customer-7')
    const evidence = await check('bullmq.queue')
    expect(evidence).toMatchObject({ status: 'failed', error: expect.stringContaining('groups of BullMQ Pro') })
  })

  test.each(['bullmq.retry', 'bullmq.quarantine'])('%s of a job in a group is refused', async (kind) => {
    await redis().hset(key('grouped'), { name: 'x', data: '{}', opts: '{"group":{"id":"customer-7"}}' })
    if (kind === 'bullmq.retry') await redis().zadd(key('failed'), Date.now(), 'grouped')
    else await redis().lpush(key('active'), 'grouped')
    const { gate, effect } = await carryOut(kind, { id: 'grouped' })
    expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('group of BullMQ Pro')])
  })
})
