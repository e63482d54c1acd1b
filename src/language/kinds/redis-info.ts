import { connectionTo, type Kind } from './kind.ts'

export const redisInfo: Kind = {
  name: 'redis.info',
  access: 'read',
  summary: 'Looks at the health of a Redis: memory, evictions, clients, persistence.',
  doc: `From INFO. Bytes, seconds and counts since the server's start. \`maxMemory\` is 0 where there is no limit; \`memoryUsed\` is the part of it in use, null without a limit. BullMQ needs \`maxMemoryPolicy == 'noeviction'\`.`,
  parameters: {
    connection: connectionTo(['redis', 'bullmq'], 'The Redis, by the name of its connection.'),
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
  timeoutMs: 5_000,
  example: `check: redis.info
with: { connection: maestro-queue }
`,
}
