import { RunbookError } from '../../src/core/errors.ts'
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
  const missing: string[] = []
  const text = (name: string) => {
    const value = info.get(name)
    if (value === undefined) missing.push(name)
    return value ?? ''
  }
  const count = (name: string) => {
    const value = text(name)
    if (value !== '' && !/^\d+$/.test(value)) missing.push(name)
    return Number(value)
  }
  const maxMemory = count('maxmemory')
  const usedMemory = count('used_memory')
  const result = {
    version: text('redis_version'),
    role: text('role'),
    uptimeSeconds: count('uptime_in_seconds'),
    usedMemory,
    maxMemory,
    memoryUsed: maxMemory > 0 ? usedMemory / maxMemory : null,
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
  // A value that the server does not report must not become 0, because the result would then claim that there was no
  // eviction or rejected connection.
  if (missing.length > 0)
    throw new RunbookError(
      'RUNBOOK_CHECK_FAILED',
      `connection ${target.connection}: INFO of this server does not report ${missing.join(', ')}`,
    )
  return result
}
