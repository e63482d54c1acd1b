import { Worker } from 'bullmq'
import { readConfig } from '../config.ts'
import { openDatabase } from '../database/connect.ts'
import { messageOf } from '../errors.ts'
import { openLog } from '../json-log.ts'
import { LOCK_MS, MAX_STALLED_COUNT, STALLED_INTERVAL_MS, type StepJob } from '../queue/connect.ts'
import { repeat } from '../repeat.ts'
import { reportReady, waitForStop } from '../supervisor/lifecycle.ts'
import { performStep } from './perform-step.ts'
import { registerWorker, removeWorker, createUsageReport } from './worker-record.ts'

const config = readConfig()
const name = process.env.MAESTRO_WORKER_NAME ?? 'worker-1'
const mlUrl = process.env.ML_URL ?? `http://127.0.0.1:${config.port + 1}`
const log = openLog(config.dir, name)
const pool = openDatabase(config.databaseUrl, `${config.prefix}-${name}`, config.concurrency + 2)
await registerWorker(pool, name)

const worker = new Worker<StepJob>(
  config.queue,
  (job, token) => performStep({ worker: name, pool, log, mlUrl }, job, token ?? ''),
  {
    name,
    prefix: config.prefix,
    connection: { url: config.redisUrl },
    concurrency: config.concurrency,
    lockDuration: LOCK_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED_COUNT,
    skipStalledCheck: process.env.MAESTRO_SKIP_STALLED_CHECK === '1',
  },
)
worker.on('error', (error) => log.error('worker.error', { worker: name, error: messageOf(error) }))
worker.on('stalled', (job) => log.warn('job.stalled', { worker: name, job }))
await worker.waitUntilReady()
const report = repeat('report', 1000, log, createUsageReport(pool, name))

log.info('process.started', { worker: name })
reportReady()
await waitForStop()
log.info('process.draining', { worker: name })
await worker.close()
await report.stop()
await removeWorker(pool, name)
await pool.end()
log.info('process.stopped', { worker: name })
process.exit(0)
