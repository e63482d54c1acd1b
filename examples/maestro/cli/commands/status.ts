import type { MaestroConfig } from '../../config.ts'
import { checkDatabase, openDatabase } from '../../database/connect.ts'
import { messageOf } from '../../errors.ts'
import { checkRedis, openRedis } from '../../queue/connect.ts'
import type { SupervisorStatus } from '../../supervisor/control-api.ts'
import { needControl } from '../../supervisor/control-client.ts'
import { table } from '../table.ts'

const ANSWER_WITHIN_MS = 3_000

/** The processes, and what they need: both are asked, since a process can be ready and unable to do anything. */
export async function status(config: MaestroConfig): Promise<{ text: string; well: boolean }> {
  const [processes, database, redis] = await Promise.all([
    needControl(config.dir).then((control) => control.status()),
    askDatabase(config),
    askRedis(config),
  ])
  const needs = [`database ${database ?? 'answers'}`, `Redis ${redis ?? 'answers'}`]
  return { text: [statusText(processes), ...needs].join('\n'), well: database === null && redis === null }
}

async function askDatabase(config: MaestroConfig): Promise<string | null> {
  const pool = openDatabase(config.databaseUrl, `${config.prefix}-status`, 1)
  const said = await whyNot(() => checkDatabase(pool, config.databaseUrl))
  void pool.end().catch(() => {})
  return said
}

async function askRedis(config: MaestroConfig): Promise<string | null> {
  const redis = openRedis(config)
  const said = await whyNot(() => checkRedis(redis, config.redisUrl))
  redis.disconnect()
  return said
}

/** Null when it answers in time. */
async function whyNot(ask: () => Promise<void>): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${ANSWER_WITHIN_MS / 1000} s`)), ANSWER_WITHIN_MS)
  })
  try {
    await Promise.race([ask(), late])
    return null
  } catch (error) {
    return `does not answer: ${messageOf(error).replace(/^.* does not answer: /, '')}`
  } finally {
    clearTimeout(timer)
  }
}

/** The processes, and where they can be reached. */
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
  const held = `${processes.held} workers are held`
  const checks = processes.skipStalledCheck ? '; none of them checks for stalled jobs' : ''
  return `${table(['process', 'state', 'pid', 'crashes', 'address'], rows)}\n${held}${checks}`
}
