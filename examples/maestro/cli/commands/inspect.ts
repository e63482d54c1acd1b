import type { MaestroConfig } from '../../config.ts'
import { checkDatabase, openDatabase } from '../../database/connect.ts'
import { checkRedis, openRedis } from '../../queue/connect.ts'
import { inspectRun, type InspectedRun } from '../inspect-run.ts'
import { table } from '../table.ts'

/** Describes a run as text or JSON. Only reads. */
export async function inspect(config: MaestroConfig, id: string, output: string): Promise<string> {
  const pool = openDatabase(config.databaseUrl, `${config.prefix}-inspect`, 2)
  const redis = openRedis(config)
  try {
    await Promise.all([checkDatabase(pool, config.databaseUrl), checkRedis(redis, config.redisUrl)])
    const found = await inspectRun(config, pool, redis, id)
    return output === 'json' ? JSON.stringify(found, null, 2) : toText(found)
  } finally {
    redis.disconnect()
    await pool.end()
  }
}

function toText({ run, steps, job, outboxPending, queue, blocked, logs }: InspectedRun): string {
  // A job has a lock only while it is active, so a missing lock means nothing in the other states.
  const missing = job.state === 'active' ? ' · lock missing' : ''
  const lock = job.lock === 'held' ? ` · lock held for ${job.lockTtlMs} ms` : missing
  return [
    `run      ${run.id} · workflow ${run.workflow} · ${run.status}${run.failure_reason ? ` (${run.failure_reason})` : ''}`,
    `         step ${run.current_step} · attempt ${run.attempt} · updated ${formatTime(run.updated_at)}`,
    `job      ${job.id} · ${job.state}${lock}`,
    `         starts ${job.starts} · attempts made ${job.attemptsMade} · stalls ${job.stalls} · worker ${job.worker ?? '-'}`,
    ...(job.failedReason ? [`         failed: ${job.failedReason}`] : []),
    `queue    ${queue.paused ? 'paused' : 'running'} · ${queue.waiting} waiting · ${queue.active} active · ${queue.delayed} delayed · ${queue.failed} failed · ${queue.workers.length} workers`,
    ...(outboxPending > 0 ? [`outbox   ${outboxPending} entries not yet queued`] : []),
    ...blocked.map(
      (row) => `blocked  pid ${row.pid} (${row.application_name}) waits for pid ${String(row.waits_for)}: ${row.query}`,
    ),
    '',
    table(
      ['step', 'type', 'attempt', 'status', 'worker', 'starts', 'started', 'heartbeat', 'error'],
      steps.map((step) => [
        step.step,
        step.type,
        step.attempt,
        step.status,
        step.worker ?? '-',
        step.starts,
        formatTime(step.started_at),
        formatTime(step.heartbeat_at),
        step.error ?? '',
      ]),
    ),
    '',
    logs.length === 0 ? 'no logs for this run' : 'latest logs',
    ...logs.map((line) => `  ${String(line.time).slice(11, 23)} ${line.process} ${line.event} ${detail(line)}`),
  ].join('\n')
}

function detail(line: Record<string, unknown>): string {
  return ['step', 'attempt', 'duration_ms', 'error', 'reason']
    .filter((name) => line[name] !== undefined && line[name] !== null)
    .map((name) => `${name}=${String(line[name])}`)
    .join(' ')
}

function formatTime(at: unknown): string {
  return at instanceof Date ? at.toISOString().slice(11, 23) : '-'
}
