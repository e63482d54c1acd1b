import { randomBytes } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { startRuns } from '../../examples/maestro/cli/start-runs.ts'
import { down } from '../../examples/maestro/cli/commands/down.ts'
import { up } from '../../examples/maestro/cli/commands/up.ts'
import { readConfig, type MaestroConfig } from '../../examples/maestro/config.ts'
import { openDatabase } from '../../examples/maestro/database/connect.ts'
import type { FaultContext } from '../../examples/maestro/faults/fault.ts'
import { openQueue, openRedis } from '../../examples/maestro/queue/connect.ts'
import { until } from '../../examples/maestro/repeat.ts'
import { requireControl } from '../../examples/maestro/supervisor/control-client.ts'
import type { TestStack } from '../support/global-stack.ts'

/** Creates a configuration with its own database, Redis prefix, folder and ports. `erase` removes all of them. */
export async function createMaestroConfig(
  stack: TestStack,
): Promise<{ config: MaestroConfig; erase(): Promise<void> }> {
  const id = randomBytes(4).toString('hex')
  const admin = new pg.Client({ connectionString: stack.postgresUrl })
  await admin.connect()
  await admin.query(`CREATE DATABASE maestro_${id}`)
  const databaseUrl = new URL(stack.postgresUrl)
  databaseUrl.pathname = `/maestro_${id}`
  const dir = mkdtempSync(join(tmpdir(), 'maestro-'))
  const config = readConfig({
    MAESTRO_DATABASE_URL: databaseUrl.href,
    MAESTRO_REDIS_URL: stack.redisUrl,
    MAESTRO_DIR: dir,
    MAESTRO_PREFIX: `t-${id}`,
    MAESTRO_PORT: String(20_000 + Math.floor(Math.random() * 10_000)),
  })
  return {
    config,
    async erase() {
      await admin.query(`DROP DATABASE maestro_${id} WITH (FORCE)`)
      await admin.end()
      const redis = openRedis(config)
      const keys = await redis.keys(`${config.prefix}:*`)
      if (keys.length > 0) await redis.del(...keys)
      redis.disconnect()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** A running Maestro, with the context that faults need. */
export interface RunningMaestro extends FaultContext {
  stop(): Promise<void>
}

export async function startMaestro(stack: TestStack): Promise<RunningMaestro> {
  const { config, erase } = await createMaestroConfig(stack)
  await up(config, false, () => {})
  const control = await requireControl(config.dir)
  const pool = openDatabase(config.databaseUrl, 'maestro-test', 2)
  const queue = openQueue(config)
  const redis = openRedis(config)
  return {
    config,
    control,
    pool,
    queue,
    redis,
    startRuns: (workflow, count, input) => startRuns(control, workflow, count, input),
    async stop() {
      await down(config)
      redis.disconnect()
      await Promise.all([queue.close(), pool.end()])
      await erase()
    },
  }
}

export interface RunRow {
  id: string
  status: string
  attempt: number
  failure_reason: string | null
  current_step: string
}

export async function readRuns({ pool }: FaultContext, ids: string[]): Promise<RunRow[]> {
  const { rows } = await pool.query<RunRow>(
    'SELECT id, status, attempt, failure_reason, current_step FROM runs WHERE id = ANY($1) ORDER BY created_at, id',
    [ids],
  )
  return rows
}

/** Waits until every one of these runs is COMPLETED. */
export async function untilCompleted(maestro: FaultContext, ids: string[], timeoutMs = 30_000): Promise<void> {
  let last: RunRow[] = []
  await until(
    async () => {
      last = (await readRuns(maestro, ids)).filter((run) => run.status !== 'COMPLETED')
      return last.length === 0 ? true : undefined
    },
    { timeoutMs, intervalMs: 100, timeoutError: () => new Error(`not completed: ${JSON.stringify(last)}`) },
  )
}

/** The values of the orchestrator's metrics, by name with labels. */
export async function scrape({ control }: FaultContext): Promise<Record<string, number>> {
  const response = await fetch(`http://127.0.0.1:${control.state.ports.orchestrator}/metrics`)
  const lines = (await response.text()).split('\n').filter((line) => line && !line.startsWith('#'))
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

export type LogLine = Record<string, unknown> & { event: string; process: string; time: string }

/** All log lines of this Maestro, ordered by time. */
export function readLogs({ config }: FaultContext): LogLine[] {
  const folder = join(config.dir, 'logs')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.jsonl'))
    .flatMap((file) => readFileSync(join(folder, file), 'utf8').trim().split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as LogLine)
    .sort((a, b) => a.time.localeCompare(b.time))
}
