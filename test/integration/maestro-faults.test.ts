import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { dependencyDown } from '../../examples/maestro/faults/dependency-down.ts'
import type { Fault } from '../../examples/maestro/faults/fault.ts'
import { poisonPill } from '../../examples/maestro/faults/poison-pill.ts'
import { queuePaused } from '../../examples/maestro/faults/queue-paused.ts'
import { stalledNobodyChecks } from '../../examples/maestro/faults/stalled-nobody-checks.ts'
import { timeoutTooShort } from '../../examples/maestro/faults/timeout-too-short.ts'
import { workersKilled } from '../../examples/maestro/faults/workers-killed.ts'
import { keyOf } from '../../examples/maestro/queue/connect.ts'
import { readQueue } from '../../examples/maestro/queue/read-queue.ts'
import { until } from '../../examples/maestro/repeat.ts'
import { jobIdOf } from '../../examples/maestro/workflows.ts'
import { readLogs, readRuns, scrape, startMaestro, untilCompleted, type RunningMaestro } from './maestro-rig.ts'

let maestro: RunningMaestro

beforeAll(async () => {
  maestro = await startMaestro(inject('stack'))
})
afterAll(() => maestro.stop())

const key = (name: string): string => keyOf(maestro.config, name)

async function expectOff(fault: Fault): Promise<void> {
  expect(await fault.isOn(maestro)).toBe(false)
}

/** Ids of the active jobs without a lock. */
async function activeWithoutLock(): Promise<string[]> {
  const active = await maestro.redis.lrange(key('active'), 0, -1)
  const locks = await Promise.all(active.map((job) => maestro.redis.exists(key(`${job}:lock`))))
  return active.filter((_, index) => locks[index] === 0)
}

test('workers-killed leaves active jobs without a lock and no worker; scaling up completes the runs', async () => {
  const { runs } = await workersKilled.inject(maestro)
  expect(await workersKilled.isOn(maestro)).toBe(true)
  expect((await readQueue(maestro.redis, maestro.config)).workers).toEqual([])
  expect((await scrape(maestro)).maestro_workers).toBe(0)
  const stuck = await activeWithoutLock()
  expect(stuck.length).toBeGreaterThanOrEqual(2)
  expect((await readRuns(maestro, runs)).every((run) => run.status === 'RUNNING')).toBe(true)

  await maestro.control.scale(2)
  await untilCompleted(maestro, runs)
  // The stalled check recovered the same jobs. No run was restarted.
  expect((await readRuns(maestro, runs)).every((run) => run.attempt === 1)).toBe(true)
  await expectOff(workersKilled)
})

test('stalled-nobody-checks keeps active jobs without a lock while workers run; setting the runs to FAILED with reason Stalled completes them', async () => {
  const { runs } = await stalledNobodyChecks.inject(maestro)
  expect((await readQueue(maestro.redis, maestro.config)).workers).toEqual(['worker-1', 'worker-2'])
  expect(await maestro.redis.exists(key('stalled-check'))).toBe(0)
  expect((await activeWithoutLock()).sort()).toEqual(runs.map((run) => jobIdOf(run, 'transcode', 1)).sort())
  const lines = readLogs(maestro).filter((line) => line.step === 'transcode' && runs.includes(String(line.run)))
  expect(lines.map((line) => line.event)).toEqual(['step.started', 'step.started', 'step.started'])

  await maestro.pool.query(
    `UPDATE runs SET status = 'FAILED', failure_reason = 'Stalled', updated_at = now() WHERE id = ANY($1) AND status = 'RUNNING'`,
    [runs],
  )
  await untilCompleted(maestro, runs)
  expect((await readRuns(maestro, runs)).map((run) => run.attempt)).toEqual([2, 2, 2])

  expect(await stalledNobodyChecks.isOn(maestro)).toBe(true)
  await stalledNobodyChecks.heal(maestro)
  await expectOff(stalledNobodyChecks)
  // Now the workers check for stalled jobs again. They take the old jobs and skip them, because each run has a newer attempt. Nothing changes.
  await until(async () => ((await activeWithoutLock()).length === 0 ? true : undefined), {
    timeoutMs: 15_000,
    timeoutError: () => new Error('timed out waiting for the old jobs to leave the active list'),
  })
  expect((await readRuns(maestro, runs)).map((run) => run.attempt)).toEqual([2, 2, 2])
})

test('dependency-down fails the steps of one type with Connection refused; retrying the jobs completes the runs', async () => {
  const { runs } = await dependencyDown.inject(maestro)
  const url = `http://127.0.0.1:${maestro.control.state.ports['ml-inference']}/health`
  await expect(fetch(url)).rejects.toThrow()
  for (const run of await readRuns(maestro, runs)) {
    expect(run).toMatchObject({ status: 'FAILED', failure_reason: 'Connection refused', attempt: 1 })
    const [reason, made] = await maestro.redis.hmget(key(jobIdOf(run.id, 'classify', 1)), 'failedReason', 'atm')
    expect(reason).toMatch(/^Connection refused: ml-inference at 127\.0\.0\.1:\d+ \(connect ECONNREFUSED /)
    expect(made).toBe('3')
  }
  const failures = readLogs(maestro).filter((line) => line.event === 'step.failed' && runs.includes(String(line.run)))
  expect(new Set(failures.map((line) => line.type))).toEqual(new Set(['ml-inference']))
  expect(failures).toHaveLength(9)

  await dependencyDown.heal(maestro)
  await expectOff(dependencyDown)
  expect((await fetch(url)).status).toBe(200)
  for (const run of runs) await (await maestro.queue.getJob(jobIdOf(run, 'classify', 1)))!.retry()
  await untilCompleted(maestro, runs)
  expect((await readRuns(maestro, runs)).every((run) => run.failure_reason === null && run.attempt === 1)).toBe(true)
})

test('timeout-too-short fails the steps of one type at the timeout; a longer timeout and a retry complete the runs', async () => {
  const { runs } = await timeoutTooShort.inject(maestro)
  expect(await timeoutTooShort.isOn(maestro)).toBe(true)
  for (const run of await readRuns(maestro, runs)) {
    expect(run).toMatchObject({ status: 'FAILED', failure_reason: 'Worker timeout', current_step: 'transcode' })
  }
  const ended = readLogs(maestro).filter((line) => line.type === 'transcode' && line.duration_ms !== undefined)
  const timedOut = ended.filter((line) => line.event === 'step.failed' && runs.includes(String(line.run)))
  expect(timedOut).toHaveLength(6)
  for (const line of timedOut) {
    expect(line.error).toBe('Worker timeout: transcode ran longer than 1200 ms')
    expect(line.duration_ms).toBeGreaterThanOrEqual(1190)
  }
  const done = ended.filter((line) => line.event === 'step.completed').map((line) => Number(line.duration_ms))
  expect(Math.min(...done)).toBeGreaterThan(1200)

  await maestro.pool.query(`UPDATE step_types SET timeout_ms = 3000 WHERE type = 'transcode'`)
  await expectOff(timeoutTooShort)
  for (const run of runs) await (await maestro.queue.getJob(jobIdOf(run, 'transcode', 1)))!.retry()
  await untilCompleted(maestro, runs)
  await timeoutTooShort.heal(maestro)
  const { rows } = await maestro.pool.query(`SELECT timeout_ms FROM step_types WHERE type = 'transcode'`)
  expect(rows).toEqual([{ timeout_ms: 4000 }])
})

test('queue-paused lets jobs accumulate; resuming the queue completes the runs', async () => {
  const { runs } = await queuePaused.inject(maestro)
  expect(await maestro.redis.hget(key('meta'), 'paused')).toBe('1')
  expect(await maestro.redis.llen(key('active'))).toBe(0)
  const metrics = await scrape(maestro)
  expect(metrics).toMatchObject({ maestro_queue_paused: 1, maestro_queue_length: 6, maestro_workers: 2 })
  expect(metrics.maestro_queue_oldest_waiting_age_seconds).toBeGreaterThan(0)
  expect((await readRuns(maestro, runs)).map((run) => run.status).sort()).toEqual([
    ...['PENDING', 'PENDING', 'PENDING'],
    ...['RUNNING', 'RUNNING', 'RUNNING'],
  ])

  await queuePaused.heal(maestro)
  await expectOff(queuePaused)
  await untilCompleted(maestro, runs)
})

test('poison-pill crashes one worker after the other; when the job is removed from the queue, the other runs complete', async () => {
  const { runs } = await poisonPill.inject(maestro)
  const [poison, ...neighbours] = runs
  const job = jobIdOf(poison!, 'render', 1)
  const [starts, made] = await maestro.redis.hmget(key(job), 'ats', 'atm')
  expect(Number(starts)).toBeGreaterThanOrEqual(3)
  expect(made).toBeNull()
  const metrics = await scrape(maestro)
  expect(metrics.maestro_queue_length).toBeGreaterThan(0)
  const started = ['worker-1', 'worker-2'].map((worker) => metrics[`maestro_worker_starts{worker="${worker}"}`] ?? 0)
  expect(Math.max(...started)).toBeGreaterThan(1)

  // On a slow machine the job may start for the third time before the second crash is logged.
  const crashes = await until(
    async () => {
      const found = readLogs(maestro).filter((line) => line.event === 'process.crashed' && line.signal === 'SIGABRT')
      return found.length >= 2 ? found : undefined
    },
    { timeoutMs: 15_000, timeoutError: () => new Error('timed out waiting for two crashes') },
  )
  const logs = readLogs(maestro)
  for (const crash of crashes) {
    expect(logs.findLast((line) => line.pid === crash.died)).toMatchObject({ event: 'step.started', job })
  }

  await quarantine(job)
  await untilCompleted(maestro, neighbours, 45_000)
  const settled = await until(async () => (await readRuns(maestro, [poison!])).find((run) => run.status === 'FAILED'), {
    timeoutMs: 5000,
    timeoutError: () => new Error('timed out waiting for the run of the removed job to be FAILED'),
  })
  expect(settled.failure_reason).toBe('Quarantined')
  await expectOff(poisonPill)
})

test('healing poison-pill after its job was removed completes the run', async () => {
  const { rows } = await maestro.pool.query<{ id: string }>(`SELECT id FROM runs WHERE failure_reason = 'Quarantined'`)
  const poison = rows.map(({ id }) => id)
  expect(poison).toHaveLength(1)
  expect(await poisonPill.heal(maestro)).toContain(`${poison[0]}: thumbnail size set to 200 × 200 pixels`)
  await untilCompleted(maestro, poison)
  expect(await poisonPill.heal(maestro)).toBe('no unfinished run has a thumbnail of that size')
})

test('healing poison-pill while it crashes workers makes the next worker skip the job, and its run completes', async () => {
  const [poison] = await maestro.startRuns('thumbnail', 1, { render: { width: 60_000, height: 60_000 } })
  await until(async () => ((await maestro.redis.hget(key(jobIdOf(poison!, 'render', 1)), 'ats')) ? true : undefined), {
    timeoutMs: 5000,
    timeoutError: () => new Error('timed out waiting for a worker to take the poison pill'),
  })
  await poisonPill.heal(maestro)
  await until(async () => (await maestro.redis.zscore(key('completed'), jobIdOf(poison!, 'render', 1))) ?? undefined, {
    timeoutMs: 15_000,
    timeoutError: () => new Error('timed out waiting for the job to be completed'),
  })
  await untilCompleted(maestro, [poison!])
  expect(await readRuns(maestro, [poison!])).toMatchObject([{ status: 'COMPLETED', attempt: 2 }])
  await expectOff(poisonPill)
})

/** What an operator would do by hand: remove the job from the lists while it has no lock, and add it to the failed set. */
async function quarantine(job: string): Promise<void> {
  await until(
    async () => {
      const taken = await maestro.redis.eval(
        `if redis.call('EXISTS', KEYS[1]..':lock') == 1 then return 0 end
         local found = redis.call('LREM', KEYS[2], 1, KEYS[5]) + redis.call('LREM', KEYS[3], 1, KEYS[5])
         if found == 0 then return 0 end
         redis.call('HSET', KEYS[1], 'failedReason', 'Quarantined', 'finishedOn', ARGV[1])
         return redis.call('ZADD', KEYS[4], ARGV[1], KEYS[5])`,
        5,
        key(job),
        key('wait'),
        key('active'),
        key('failed'),
        job,
        Date.now(),
      )
      return taken === 1 ? true : undefined
    },
    { timeoutMs: 10_000, intervalMs: 20, timeoutError: () => new Error(`timed out waiting for ${job} to be unlocked`) },
  )
}
