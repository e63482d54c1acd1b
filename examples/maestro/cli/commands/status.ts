import type { MaestroConfig } from '../../config.ts'
import { checkDatabase, openDatabase } from '../../database/connect.ts'
import { messageOf } from '../../errors.ts'
import { checkRedis, openRedis } from '../../queue/connect.ts'
import type { SupervisorStatus } from '../../supervisor/control-api.ts'
import { requireControl } from '../../supervisor/control-client.ts'
import { table } from '../table.ts'

const PROBE_TIMEOUT_MS = 3_000

/** Reports the processes, the database and Redis. A process can be ready although the database or Redis is down. */
export async function status(config: MaestroConfig): Promise<{ text: string; ok: boolean }> {
  const [processes, database, redis] = await Promise.all([
    requireControl(config.dir).then((control) => control.status()),
    probeDatabase(config),
    probeRedis(config),
  ])
  const servers = [`database ${database ?? 'ok'}`, `Redis ${redis ?? 'ok'}`]
  return { text: [statusText(processes), ...servers].join('\n'), ok: database === null && redis === null }
}

async function probeDatabase(config: MaestroConfig): Promise<string | null> {
  const pool = openDatabase(config.databaseUrl, `${config.prefix}-status`, 1)
  const problem = await probe(() => checkDatabase(pool, config.databaseUrl))
  void pool.end().catch(() => {})
  return problem
}

async function probeRedis(config: MaestroConfig): Promise<string | null> {
  const redis = openRedis(config)
  const problem = await probe(() => checkRedis(redis, config.redisUrl))
  redis.disconnect()
  return problem
}

/** Runs a check with a timeout. Returns null when it succeeds, otherwise the problem. */
async function probe(check: () => Promise<void>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${PROBE_TIMEOUT_MS / 1000} s`)), PROBE_TIMEOUT_MS)
  })
  try {
    await Promise.race([check(), timeout])
    return null
  } catch (error) {
    return `does not answer: ${messageOf(error).replace(/^.* does not answer: /, '')}`
  } finally {
    clearTimeout(timer)
  }
}

/** A table of the processes with their addresses. */
export function statusText(processes: SupervisorStatus): string {
  const addresses: Record<string, number> = { ...processes.ports }
  const address = (name: string): string => (addresses[name] ? `http://127.0.0.1:${addresses[name]}` : '-')
  const rows = [
    ['supervisor', 'ready', processes.pid, 0, address('supervisor')],
    ...[...processes.services, ...processes.workers].map(({ name, state, pid, crashes }) => [
      name,
      state,
      pid ?? '-',
      crashes,
      address(name),
    ]),
  ]
  const target = `target: ${processes.targetCount} workers`
  const checks = processes.skipStalledCheck ? '; no worker checks for stalled jobs' : ''
  return `${table(['process', 'state', 'pid', 'crashes', 'address'], rows)}\n${target}${checks}`
}
