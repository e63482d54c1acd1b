import { connectionTo, type Kind } from './kind.ts'

export const redisInfo: Kind = {
  name: 'redis.info',
  access: 'read',
  summary: 'Reads the health of a Redis server: memory, evictions, clients, persistence.',
  doc: `From the command INFO. Units are bytes, seconds, and counts since the start of the server. \`maxMemory\` is 0 if there is no limit; \`memoryUsed\` is the used fraction of it, null without a limit. BullMQ needs \`maxMemoryPolicy == 'noeviction'\`. If the server does not report one of the values, the check fails and names it.`,
  parameters: {
    connection: connectionTo(['redis', 'bullmq'], 'The name of the connection to the Redis server.'),
  },
  result: () => ({
    object: {
      version: 'string',
      role: 'string',
      uptimeSeconds: 'int',
      usedMemory: 'int',
      maxMemory: 'int',
      memoryUsed: { nullable: 'double' },
      maxMemoryPolicy: 'string',
      evictedKeys: 'int',
      connectedClients: 'int',
      maxClients: 'int',
      blockedClients: 'int',
      rejectedConnections: 'int',
      opsPerSecond: 'int',
      aofEnabled: 'bool',
      aofLastWriteOk: 'bool',
      rdbLastSaveOk: 'bool',
      loading: 'bool',
    },
  }),
  healthy: {
    result: () => ({
      version: '7.2.0',
      role: 'master',
      uptimeSeconds: 86_400,
      usedMemory: 1_000_000,
      maxMemory: 0,
      maxMemoryPolicy: 'noeviction',
      evictedKeys: 0,
      connectedClients: 3,
      maxClients: 10_000,
      blockedClients: 0,
      rejectedConnections: 0,
      opsPerSecond: 10,
      aofEnabled: true,
      aofLastWriteOk: true,
      rdbLastSaveOk: true,
      loading: false,
    }),
  },
  timeoutMs: 5_000,
  example: `check: redis.info
with: { connection: maestro-queue }
`,
}
