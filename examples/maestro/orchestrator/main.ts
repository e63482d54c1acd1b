import { readConfig } from '../config.ts'
import { openDatabase } from '../database/connect.ts'
import { migrate } from '../database/migrate.ts'
import { health, serve, stopServing } from '../http/serve.ts'
import { openLog } from '../json-log.ts'
import { openQueue, openRedis } from '../queue/connect.ts'
import { repeat } from '../repeat.ts'
import { reportReady, waitForStop } from '../supervisor/lifecycle.ts'
import { acceptRuns, type RunRequest } from './accept-runs.ts'
import { advanceRuns } from './advance-runs.ts'
import { createMetrics } from './metrics.ts'
import { recoverRuns } from './recover-runs.ts'
import { relayOutbox } from './relay-outbox.ts'
import { settleFailedJobs } from './settle-failed-jobs.ts'

const config = readConfig()
const log = openLog(config.dir, 'orchestrator')
const pool = openDatabase(config.databaseUrl, `${config.prefix}-orchestrator`, 6)
const redis = openRedis(config)
const queue = openQueue(config)
await migrate(pool)

const loops = [
  repeat('advance', 100, log, () => advanceRuns(pool, log)),
  repeat('relay', 100, log, () => relayOutbox(pool, queue)),
  repeat('recover', 300, log, () => recoverRuns(pool, log)),
  repeat('settle', 500, log, () => settleFailedJobs(pool, redis, `${config.prefix}:${config.queue}`, log)),
]

const metrics = createMetrics(config, pool, redis)
const server = await serve(Number(process.env.MAESTRO_OWN_PORT ?? config.port), {
  'GET /health': () => health(() => Promise.all([pool.query('SELECT 1'), redis.ping()])),
  'GET /metrics': async () => ({ body: await metrics() }),
  'POST /runs': async (body) => ({ status: 202, body: { runs: await acceptRuns(pool, runRequest(body)) } }),
})

log.info('process.started')
reportReady()
await waitForStop()
await Promise.all(loops.map((loop) => loop.stop()))
await stopServing(server)
await Promise.all([queue.close(), redis.quit(), pool.end()])
log.info('process.stopped')
process.exit(0)

function runRequest({ workflow, input, count }: Record<string, unknown>): RunRequest {
  const stepInput = typeof input === 'object' && input !== null ? (input as RunRequest['input']) : {}
  return { workflow: String(workflow), input: stepInput, count: count === undefined ? 1 : Number(count) }
}
