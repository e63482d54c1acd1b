import type { Queue } from 'bullmq'
import type { Redis } from 'ioredis'
import type pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { MaestroConfig } from '../../examples/maestro/config.ts'
import { openDatabase } from '../../examples/maestro/database/connect.ts'
import { migrate } from '../../examples/maestro/database/migrate.ts'
import { openLog } from '../../examples/maestro/json-log.ts'
import { acceptRuns } from '../../examples/maestro/orchestrator/accept-runs.ts'
import { advanceRuns } from '../../examples/maestro/orchestrator/advance-runs.ts'
import { recoverRuns } from '../../examples/maestro/orchestrator/recover-runs.ts'
import { relayOutbox } from '../../examples/maestro/orchestrator/relay-outbox.ts'
import { settleFailedJobs } from '../../examples/maestro/orchestrator/settle-failed-jobs.ts'
import { keyOf, openQueue, openRedis, type StepJob } from '../../examples/maestro/queue/connect.ts'
import { claimStep, completeStep, failStep, type StepStart } from '../../examples/maestro/worker/step-record.ts'
import { jobIdOf, MAX_ATTEMPTS } from '../../examples/maestro/workflows.ts'
import { createMaestroConfig } from './maestro-rig.ts'

// No Maestro process runs here: each test calls the functions of these processes step by step.
let config: MaestroConfig
let erase: () => Promise<void>
let pool: pg.Pool
let queue: Queue<StepJob>
let redis: Redis

beforeAll(async () => {
  const own = await createMaestroConfig(inject('stack'))
  config = own.config
  erase = own.erase
  pool = openDatabase(config.databaseUrl, 'maestro-test')
  queue = openQueue(config)
  redis = openRedis(config)
  await Promise.all([migrate(pool), migrate(pool)])
})
afterAll(async () => {
  redis.disconnect()
  await Promise.all([queue.close(), pool.end()])
  await erase()
})

const log = () => openLog(config.dir, 'orchestrator')

async function newRun(): Promise<string> {
  const [run] = await acceptRuns(pool, { workflow: 'classify', input: {}, count: 1 })
  return run!
}

function startOf(run: string, token: string, attempt = 1): StepStart {
  return { job: { run, step: 'fetch', type: 'fetch', attempt, input: {} }, token, worker: `worker-${token}` }
}

async function readRun(run: string): Promise<Record<string, unknown>> {
  const { rows } = await pool.query('SELECT status, attempt, current_step, failure_reason FROM runs WHERE id = $1', [
    run,
  ])
  return rows[0] as Record<string, unknown>
}

const setRun = (run: string, status: string, reason: string | null): Promise<unknown> =>
  pool.query('UPDATE runs SET status = $2, failure_reason = $3 WHERE id = $1', [run, status, reason])

test('a worker with an old attempt cannot write anything', async () => {
  const run = await newRun()
  expect(await claimStep(pool, startOf(run, 'zombie'))).toBe(3000)
  await setRun(run, 'FAILED', 'Stalled')
  await recoverRuns(pool, log())
  expect(await readRun(run)).toMatchObject({ status: 'RUNNING', attempt: 2, failure_reason: null })

  await failStep(pool, startOf(run, 'zombie'), 'too late', 'too late')
  expect(await readRun(run)).toMatchObject({ status: 'RUNNING', attempt: 2, failure_reason: null })
  await advanceRuns(pool, log())
  expect(await claimStep(pool, startOf(run, 'again'))).toBeUndefined()
  expect(await claimStep(pool, startOf(run, 'second', 2))).toBe(3000)
  expect(await completeStep(pool, startOf(run, 'second', 2), {})).toBe(true)
  await advanceRuns(pool, log())
  expect(await readRun(run)).toMatchObject({ current_step: 'classify', attempt: 2 })
})

test('only the later of two starts of the same attempt can write', async () => {
  const run = await newRun()
  await claimStep(pool, startOf(run, 'first'))
  await claimStep(pool, startOf(run, 'second'))
  expect(await completeStep(pool, startOf(run, 'first'), {})).toBe(false)
  expect(await completeStep(pool, startOf(run, 'second'), {})).toBe(true)
  expect(await claimStep(pool, startOf(run, 'third'))).toBeUndefined()
})

test('recovery does not repeat a step that was completed before recovery started', async () => {
  const run = await newRun()
  await claimStep(pool, startOf(run, 'slow'))
  await setRun(run, 'FAILED', 'Stalled')
  expect(await completeStep(pool, startOf(run, 'slow'), {})).toBe(true)
  await recoverRuns(pool, log())
  expect(await readRun(run)).toMatchObject({ status: 'RUNNING', attempt: 1 })
})

test('two concurrent recoveries increment the attempt once, with a new job id', async () => {
  const run = await newRun()
  await setRun(run, 'RETRY', null)
  await Promise.all([recoverRuns(pool, log()), recoverRuns(pool, log())])
  expect(await readRun(run)).toMatchObject({ status: 'RUNNING', attempt: 2 })
  const { rows } = await pool.query('SELECT job_id FROM outbox WHERE run_id = $1 ORDER BY id', [run])
  expect(rows).toEqual([{ job_id: `${run}__fetch__a1` }, { job_id: `${run}__fetch__a2` }])
})

test('recovery gives a run up after the last attempt', async () => {
  const run = await newRun()
  for (let round = 1; round <= MAX_ATTEMPTS; round++) {
    await setRun(run, 'FAILED', 'Stalled')
    await recoverRuns(pool, log())
  }
  expect(await readRun(run)).toMatchObject({
    status: 'FAILED',
    attempt: MAX_ATTEMPTS,
    failure_reason: 'Attempts exhausted',
  })
})

test('recovery ignores a run that failed for another reason', async () => {
  const run = await newRun()
  await setRun(run, 'FAILED', 'Bad input')
  await recoverRuns(pool, log())
  expect(await readRun(run)).toMatchObject({ status: 'FAILED', attempt: 1, failure_reason: 'Bad input' })
})

test('a retried job sets its failed run to RUNNING again, but not a run that somebody set to FAILED', async () => {
  const retried = await newRun()
  await claimStep(pool, startOf(retried, 'one'))
  expect(await failStep(pool, startOf(retried, 'one'), 'Connection refused: …', 'Connection refused')).toBe(true)
  expect(await readRun(retried)).toMatchObject({ status: 'FAILED', failure_reason: 'Connection refused' })
  expect(await claimStep(pool, startOf(retried, 'two'))).toBe(3000)
  expect(await readRun(retried)).toMatchObject({ status: 'RUNNING', failure_reason: null })

  const stopped = await newRun()
  await setRun(stopped, 'FAILED', 'Bad input')
  expect(await claimStep(pool, startOf(stopped, 'one'))).toBeUndefined()
  expect(await readRun(stopped)).toMatchObject({ status: 'FAILED', failure_reason: 'Bad input' })
})

test('an outbox entry becomes exactly one job, even if it is relayed repeatedly and concurrently', async () => {
  const run = await newRun()
  await Promise.all([relayOutbox(pool, queue), relayOutbox(pool, queue)])
  // Simulates a crash after the job was added and before the entry was marked.
  await pool.query('UPDATE outbox SET sent_at = NULL WHERE run_id = $1', [run])
  await relayOutbox(pool, queue)
  const waiting = await redis.lrange(keyOf(config, 'wait'), 0, -1)
  expect(waiting.filter((job) => job === jobIdOf(run, 'fetch', 1))).toHaveLength(1)
  const { rows } = await pool.query('SELECT 1 FROM outbox WHERE sent_at IS NULL')
  expect(rows).toEqual([])
})

test('a failed job that no worker recorded fails its run, unless a later start is running', async () => {
  const [unrecorded, retried] = [await newRun(), await newRun()]
  await claimStep(pool, startOf(unrecorded, 'one'))
  const failedAt = Date.now() + 5
  for (const run of [unrecorded, retried]) {
    await redis.hset(keyOf(config, jobIdOf(run, 'fetch', 1)), 'failedReason', 'job stalled more than allowable limit')
    await redis.zadd(keyOf(config, 'failed'), failedAt, jobIdOf(run, 'fetch', 1))
  }
  while (Date.now() <= failedAt) await new Promise((resolve) => setTimeout(resolve, 1))
  await claimStep(pool, startOf(retried, 'two'))
  await pool.query(`UPDATE runs SET updated_at = now() - interval '2 seconds' WHERE id = ANY($1)`, [
    [unrecorded, retried],
  ])
  await settleFailedJobs(pool, redis, `${config.prefix}:${config.queue}`, log())
  expect(await readRun(unrecorded)).toMatchObject({
    status: 'FAILED',
    failure_reason: 'job stalled more than allowable limit',
  })
  expect(await readRun(retried)).toMatchObject({ status: 'RUNNING', failure_reason: null })
})
