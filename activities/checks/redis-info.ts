import type { CheckImplementation } from './check.ts'
import { requiredString } from './check-parameters.ts'
import { readPipeline } from './redis-pipeline.ts'

export const redisInfo: CheckImplementation = async (parameters, { targets }) => {
  const target = await targets.redis(requiredString(parameters, 'connection'), 'read')
  const [reply] = await readPipeline(target, [['info']])
  const info = new Map(
    String(reply)
      .split(/\r?\n/)
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]),
  )
  const text = (name: string) => info.get(name) ?? ''
  const count = (name: string) => Number(info.get(name) ?? 0) || 0
  const maxMemory = count('maxmemory')
  return {
    version: text('redis_version'),
    role: text('role'),
    uptimeSeconds: count('uptime_in_seconds'),
    usedMemory: count('used_memory'),
    maxMemory,
    memoryUsed: maxMemory > 0 ? count('used_memory') / maxMemory : null,
    maxMemoryPolicy: text('maxmemory_policy'),
    evictedKeys: count('evicted_keys'),
    connectedClients: count('connected_clients'),
    maxClients: count('maxclients'),
    blockedClients: count('blocked_clients'),
    rejectedConnections: count('rejected_connections'),
    opsPerSecond: count('instantaneous_ops_per_sec'),
    aofEnabled: text('aof_enabled') === '1',
    aofLastWriteOk: text('aof_last_write_status') !== 'err',
    rdbLastSaveOk: text('rdb_last_bgsave_status') !== 'err',
    loading: text('loading') === '1',
  }
}
