import { Worker as Worker6 } from 'bullmq'
import { Worker as Worker5 } from 'bullmq-5'
import { describe, expect, test } from 'vitest'
import { bullmqWorld, HOUR } from '../support/bullmq-world.ts'
import { eventually } from '../support/effects-world.ts'

const { redis, prefix, key, queueOf5, queueOf6, startWorker, failJob, carryOut, read, putJob } = bullmqWorld()

describe('a queue that BullMQ 5 paused', () => {
  test('its jobs are read as waiting, with their age', async () => {
    const queue = queueOf5()
    await queue.add('mail', {}, { jobId: 'old', timestamp: Date.now() - HOUR })
    await queue.pause()
    const { result } = await read('bullmq.queue')
    expect(result).toMatchObject({ paused: true, waiting: 1, strandedJobs: 0, oldestWaitingJob: 'old' })
    expect(result.oldestWaitingMs).toBeGreaterThanOrEqual(HOUR)
    const { row } = await read('bullmq.jobs', { states: ['waiting'] })
    expect(row).toMatchObject({ id: 'old', state: 'waiting', stranded: false })
  })

  test('jobs that a resume left in the list are reported as stranded', async () => {
    await queueOf6().add('mail', {}, { jobId: 'taken' })
    await putJob('left', {}, 'paused')
    expect((await read('bullmq.queue')).result).toMatchObject({ paused: false, waiting: 2, strandedJobs: 1 })
    const { rows } = await read('bullmq.jobs', { ids: ['taken', 'left'] })
    expect(rows.map(({ stranded }) => stranded)).toEqual([false, true])
  })

  test('a retry is refused with the reason on the gate, and the job is still there after the queue is resumed', async () => {
    const queue = queueOf5()
    await queue.add('charge', {}, { jobId: 'broken' })
    await failJob(Worker5, 'broken')
    await queue.pause()
    await queue.add('charge', {}, { jobId: 'behind' })
    const { gate, effect } = await carryOut('bullmq.retry', { id: 'broken' })
    expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining('resume the queue first') })
    expect(gate.warning).toContain('resume the queue first')
    await queue.resume()
    expect(await queue.getJobState('broken')).toBe('failed')
    expect(await carryOut('bullmq.retry', { id: 'broken' })).toMatchObject({ effect: { result: 'applied' } })
    expect(await queue.getJobCounts('waiting')).toMatchObject({ waiting: 2 })
  })

  test('a retry is refused also while no job waits behind the pause', async () => {
    const queue = queueOf5()
    await queue.add('charge', {}, { jobId: 'broken' })
    await failJob(Worker5, 'broken')
    await queue.pause()
    const { gate, effect } = await carryOut('bullmq.retry', { id: 'broken' })
    expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('before 6')])
  })

  test('a retry is refused when the queue does not name its version', async () => {
    const queue = queueOf5()
    await queue.add('charge', {}, { jobId: 'broken' })
    await failJob(Worker5, 'broken')
    await queue.pause()
    await redis().hdel(key('meta'), 'version')
    const { gate, effect } = await carryOut('bullmq.retry', { id: 'broken' })
    expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('before 6')])
  })

  test('a job behind the pause is quarantined and the others stay', async () => {
    const queue = queueOf5()
    await queue.add('mail', {}, { jobId: 'poison' })
    await queue.add('mail', {}, { jobId: 'other' })
    await queue.pause()
    const { gate, effect } = await carryOut('bullmq.quarantine', { id: 'poison' })
    expect(gate).toMatchObject({ rows: [{ before: { state: 'waiting' }, after: { state: 'failed' } }] })
    expect(gate.warning).toBeUndefined()
    expect(effect).toMatchObject({ result: 'applied', observed: { from: 'waiting' } })
    await queue.resume()
    expect([await queue.getJobState('poison'), await queue.getJobState('other')]).toEqual(['failed', 'waiting'])
  })

  test('the gate of a resume counts the jobs behind the pause and says that it would be refused', async () => {
    const queue = queueOf5()
    await queue.add('mail', {})
    await queue.add('mail', {})
    await queue.pause()
    const { gate, effect } = await carryOut('bullmq.resume')
    expect(gate.rows?.[0]?.before).toMatchObject({ paused: true, waiting: 2 })
    expect(gate.warning).toContain('before 6')
    expect(effect.result).toBe('refused')
    expect(await queue.isPaused()).toBe(true)
  })
})

test('a queue that BullMQ 6 paused takes a retried job, which runs after the resume', async () => {
  const queue = queueOf6()
  await queue.add('charge', {}, { jobId: 'broken' })
  await failJob(Worker6, 'broken')
  await queue.pause()
  const { gate, effect } = await carryOut('bullmq.retry', { id: 'broken' })
  expect(gate.warning).toBeUndefined()
  expect(effect.result).toBe('applied')
  await queue.resume()
  expect(await queue.getJobState('broken')).toBe('waiting')
})

test('a job with a priority is not retried where the version of BullMQ is unknown', async () => {
  await redis().hset(key('old'), { name: 'x', data: '{}', opts: '{"priority":2}', priority: 2, failedReason: 'x' })
  await redis().zadd(key('failed'), Date.now(), 'old')
  const { gate, effect } = await carryOut('bullmq.retry', { id: 'old' })
  expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('version of BullMQ is unknown')])
  expect(await redis().zscore(key('failed'), 'old')).not.toBeNull()
})

describe.each([
  ['5', queueOf5, Worker5],
  ['6', queueOf6, Worker6],
] as const)('a job scheduler of BullMQ %s', (_, makeQueue, Worker) => {
  test('the next run is not quarantined, with the reason on the gate, and the schedule goes on', async () => {
    const queue = makeQueue()
    await queue.upsertJobScheduler('nightly', { every: 500 }, { name: 'report' })
    const [next] = await queue.getJobs(['delayed', 'waiting'])
    const { gate, effect } = await carryOut('bullmq.quarantine', { id: next!.id! })
    expect(gate.warning).toContain('next run of a job scheduler')
    expect(effect).toMatchObject({ result: 'refused', detail: expect.stringContaining('schedule would end') })
    let runs = 0
    const stop = startWorker(Worker, async () => void runs++)
    await eventually('two runs', async () => runs >= 2)
    await stop()
  })

  test('a run of a scheduler that was removed is quarantined', async () => {
    const queue = makeQueue()
    await queue.upsertJobScheduler('nightly', { every: 60_000 }, { name: 'report' })
    const [next] = await queue.getJobs(['delayed', 'waiting'])
    await redis().zrem(key('repeat'), 'nightly')
    expect(await carryOut('bullmq.quarantine', { id: next!.id! })).toMatchObject({ effect: { result: 'applied' } })
  })
})

test('a run that does not name its scheduler is not quarantined before it has started', async () => {
  const id = 'repeat:5d41402abc4b2a76b9719d911017c592:1732752000000'
  await redis().hset(key(id), { name: 'report', data: '{}', opts: '{"repeat":{"pattern":"0 2 * * *"}}' })
  await redis().zadd(key('delayed'), (Date.now() + 60_000) * 0x1000, id)
  const { gate, effect } = await carryOut('bullmq.quarantine', { id })
  expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('job scheduler')])
  expect(await redis().zscore(key('delayed'), id)).not.toBeNull()
})

test('a child of a flow is refused with the reason on the gate', async () => {
  const queue = queueOf6()
  await queue.add('parent', {}, { jobId: 'parent', delay: 60_000 })
  await queue.add('child', {}, { jobId: 'child', parent: { id: 'parent', queue: `${prefix()}:queue` } })
  const { gate, effect } = await carryOut('bullmq.quarantine', { id: 'child' })
  expect([effect.result, gate.warning]).toEqual(['refused', expect.stringContaining('flow')])
})

describe('the waiting time', () => {
  test('of a retried job counts from the retry', async () => {
    const queue = queueOf6()
    const job = await queue.add('x', {}, { jobId: 'again', timestamp: Date.now() - HOUR })
    await failJob(Worker6, 'again')
    await job.retry()
    const { result } = await read('bullmq.queue')
    expect(result).toMatchObject({ oldestWaitingJob: 'again', truncated: false })
    expect(result.oldestWaitingMs).toBeLessThan(60_000)
    expect((await read('bullmq.jobs', { ids: ['again'] })).row.waitingMs).toBeLessThan(60_000)
  })

  test('of a retried job is unknown when the events no longer contain the retry', async () => {
    await putJob('again', { ats: 1, atm: 1 })
    expect((await read('bullmq.queue')).result).toMatchObject({ oldestWaitingMs: null, truncated: true })
    expect((await read('bullmq.jobs', { ids: ['again'] })).row).toMatchObject({ waitingMs: null })
  })

  test('of a delayed job counts from the end of its delay', async () => {
    await putJob('later', { opts: JSON.stringify({ delay: HOUR - 5_000 }) })
    const { row } = await read('bullmq.jobs', { ids: ['later'] })
    expect(row.waitingMs).toBeGreaterThanOrEqual(5_000)
    expect(row.waitingMs).toBeLessThan(60_000)
  })

  test('of a promoted job counts from the promotion', async () => {
    const job = await queueOf6().add('x', {}, { jobId: 'soon', delay: HOUR, timestamp: Date.now() - 60_000 })
    await job.promote()
    expect((await read('bullmq.jobs', { ids: ['soon'] })).row.waitingMs).toBeLessThan(30_000)
  })

  test('of a parent counts from when its children had finished', async () => {
    await putJob('parent')
    await redis().hset(key('parent:processed'), 'child', '1')
    await redis().xadd(key('events'), '*', 'event', 'waiting', 'jobId', 'parent', 'prev', 'waiting-children')
    expect((await read('bullmq.jobs', { ids: ['parent'] })).row.waitingMs).toBeLessThan(60_000)
  })

  test('of the oldest job is found behind jobs of a higher priority', async () => {
    const queue = queueOf6()
    await queue.add('x', {}, { jobId: 'oldest', priority: 5, timestamp: Date.now() - HOUR })
    const urgent = Array.from({ length: 30 }, () => ({ name: 'x', data: {}, opts: { priority: 1 } }))
    await queue.addBulk([...urgent, ...urgent.map((job) => ({ ...job, opts: { priority: 9 } }))])
    expect((await read('bullmq.queue')).result).toMatchObject({ oldestWaitingJob: 'oldest', truncated: false })
  })

  test('is reported as incomplete when the end of a long list is full of last-in-first-out jobs', async () => {
    const queue = queueOf6()
    await queue.add('x', {}, { timestamp: Date.now() - HOUR })
    await queue.addBulk(Array.from({ length: 120 }, () => ({ name: 'x', data: {}, opts: { lifo: true } })))
    expect((await read('bullmq.queue')).result.truncated).toBe(true)
  })
})

test('delayed jobs whose time has come are counted as overdue', async () => {
  const queue = queueOf6()
  await queue.add('x', {}, { delay: HOUR })
  await queue.add('x', {}, { delay: 1_000, timestamp: Date.now() - 61_000 })
  const { result } = await read('bullmq.queue')
  expect(result).toMatchObject({ delayed: 2, overdue: 1 })
  expect(result.oldestOverdueMs).toBeGreaterThanOrEqual(60_000)
})

test('a marker of BullMQ 4 in the list is not counted as a job', async () => {
  await redis().lpush(key('wait'), '0:0')
  await putJob('real')
  expect((await read('bullmq.queue')).result).toMatchObject({ waiting: 1, oldestWaitingJob: 'real' })
  expect((await read('bullmq.jobs', { states: ['waiting'] })).rows.map(({ id }) => id)).toEqual(['real'])
})

test('a worker without a name makes the number of workers unknown', async () => {
  const python = redis().duplicate()
  const waits = python.bzpopmin(key('marker'), 0).catch(() => {})
  await expect
    .poll(async () => (await read('bullmq.queue')).result)
    .toMatchObject({ workers: 0, workersUnknown: true, truncated: true })
  python.disconnect()
  await waits
})

test('a job in the middle of a long list is found', async () => {
  const many = (part: string) => Array.from({ length: 3_000 }, (_, i) => `${part}${i}`)
  await redis().lpush(key('wait'), ...many('a'))
  await putJob('middle')
  await redis().lpush(key('wait'), ...many('b'))
  await redis().hset(key('lost'), { name: 'x', data: '{}', opts: '{}' })
  const { rows } = await read('bullmq.jobs', { ids: ['middle', 'lost', 'gone'] })
  expect(rows.map(({ state }) => state)).toEqual(['waiting', 'unknown', 'absent'])
})

test('fields of megabytes are not read, and the result names them', async () => {
  await putJob('small', { data: '{"file":"x"}', failedReason: 'broken' })
  await putJob('huge', { data: JSON.stringify({ file: 'x'.repeat(1_000_000) }), failedReason: 'y'.repeat(1_000_000) })
  const { result, rows } = await read('bullmq.jobs', { ids: ['small', 'huge'] })
  expect(result.truncated).toBe(true)
  expect(rows).toMatchObject([
    { data: { file: 'x' }, failedReason: 'broken', notRead: [] },
    { name: 'x', data: null, failedReason: null, notRead: ['data', 'failedReason'] },
  ])
})

test('many jobs of some 100 kB are read up to 4 MB', async () => {
  const data = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => i))
  for (let i = 0; i < 60; i++) await putJob(`j${i}`, { data })
  const { result, rows } = await read('bullmq.jobs', { states: ['waiting'] })
  expect(result.truncated).toBe(true)
  expect(JSON.stringify(rows).length).toBeLessThan(64 * 1024)
})
