import type { Redis } from 'ioredis'
import type pg from 'pg'
import { Gauge, Registry } from 'prom-client'
import type { MaestroConfig } from '../config.ts'
import { readQueue } from '../queue/read-queue.ts'

/** Creates the orchestrator's metrics. Returns a function that reads the current values and formats them. */
export function createMetrics(config: MaestroConfig, pool: pg.Pool, redis: Redis): () => Promise<string> {
  const registry = new Registry()
  const gauge = <L extends string>(name: string, help: string, labelNames: L[] = []): Gauge<L> =>
    new Gauge({ name, help, labelNames, registers: [registry] })

  const length = gauge('maestro_queue_length', 'Jobs ready to run: waiting and prioritized')
  const active = gauge('maestro_queue_active', 'Jobs that a worker is running')
  const delayed = gauge('maestro_queue_delayed', 'Jobs scheduled for later, such as a retry')
  const failed = gauge('maestro_queue_failed', 'Jobs in the failed set')
  const age = gauge('maestro_queue_oldest_waiting_age_seconds', 'Age of the next job')
  const paused = gauge('maestro_queue_paused', '1 while the queue is paused')
  const workers = gauge('maestro_workers', 'Workers connected to the queue')
  const overTimeout = gauge('maestro_active_over_timeout', 'Active jobs older than the timeout of their step type')
  const cpu = gauge('maestro_worker_cpu_percent', 'CPU usage of a worker; 100 is one core', ['worker'])
  const memory = gauge('maestro_worker_memory_bytes', 'Resident memory of a worker', ['worker'])
  const starts = gauge('maestro_worker_starts', 'How often this worker was started since Maestro started', ['worker'])
  const runs = gauge('maestro_runs', 'Runs by status', ['status'])

  return async () => {
    const [queue, timeouts, reports, statuses] = await Promise.all([
      readQueue(redis, config),
      readTimeouts(pool),
      readWorkers(pool),
      pool.query<{ status: string; n: number }>('SELECT status, count(*)::int AS n FROM runs GROUP BY status'),
    ])
    length.set(queue.waiting + queue.prioritized)
    active.set(queue.active)
    delayed.set(queue.delayed)
    failed.set(queue.failed)
    age.set(queue.oldestWaitingAge)
    paused.set(queue.paused ? 1 : 0)
    workers.set(queue.workers.length)
    overTimeout.set(queue.activeJobs.filter((job) => job.runningMs > (timeouts.get(job.type) ?? Infinity)).length)
    for (const labelled of [cpu, memory, starts, runs]) labelled.reset()
    for (const { name, cpu_percent, memory_bytes, starts: started, fresh } of reports) {
      starts.set({ worker: name }, started)
      if (!fresh) continue
      cpu.set({ worker: name }, cpu_percent)
      memory.set({ worker: name }, Number(memory_bytes))
    }
    for (const { status, n } of statuses.rows) runs.set({ status }, n)
    return registry.metrics()
  }
}

async function readTimeouts(pool: pg.Pool): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ type: string; timeout_ms: number }>('SELECT type, timeout_ms FROM step_types')
  return new Map(rows.map((row) => [row.type, row.timeout_ms]))
}

interface WorkerReport {
  name: string
  starts: number
  cpu_percent: number
  memory_bytes: string
  fresh: boolean
}

async function readWorkers(pool: pg.Pool): Promise<WorkerReport[]> {
  const { rows } = await pool.query<WorkerReport>(
    `SELECT name, starts, cpu_percent, memory_bytes, seen_at > now() - interval '5 seconds' AS fresh FROM workers`,
  )
  return rows
}
