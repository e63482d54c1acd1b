import { createServer, type AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { runCheck } from '../../../../activities/checks/run-check.ts'
import { Secret } from '../../../../src/config/secret.ts'
import { openTargets } from '../../../../src/targets/open-targets.ts'

const INFO = {
  redis_version: '7.2.4',
  role: 'master',
  uptime_in_seconds: '12',
  loading: '0',
  used_memory: '500',
  maxmemory: '1000',
  maxmemory_policy: 'noeviction',
  evicted_keys: '3',
  connected_clients: '4',
  maxclients: '10000',
  blocked_clients: '0',
  rejected_connections: '0',
  instantaneous_ops_per_sec: '7',
  aof_enabled: '0',
  aof_last_write_status: 'ok',
  rdb_last_bgsave_status: 'ok',
}

/** Reads a server that answers INFO with these fields, and every other command with OK. */
async function readInfo(fields: Record<string, string>) {
  const text = Object.entries(fields)
    .map(([name, value]) => `${name}:${value}\r\n`)
    .join('')
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (data) => {
      for (const command of data.toString().split(/(?=\*\d+\r\n)/))
        socket.write(/\r\ninfo\r\n/i.test(command) ? `$${text.length}\r\n${text}\r\n` : '+OK\r\n')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  const targets = openTargets({
    connections: { r: { kind: 'redis', read: new Secret('${X}', 'test', url, []), keys: ['*'], redact: [] } },
  })
  onTestFinished(async () => {
    await targets.close()
    server.close()
  })
  const check = { name: 'c', kind: 'redis.info', parameters: { connection: 'r' }, timeoutMs: 5_000, retries: 0 }
  return runCheck({ ...check, place: 'p' }, targets)
}

test('the health of a server is read from INFO', async () => {
  expect(await readInfo(INFO)).toMatchObject({
    status: 'ok',
    result: { version: '7.2.4', memoryUsed: 0.5, evictedKeys: 3, maxMemoryPolicy: 'noeviction', loading: false },
  })
  expect(await readInfo({ ...INFO, maxmemory: '0' })).toMatchObject({ status: 'ok', result: { memoryUsed: null } })
})

test('what the server does not report is not 0 and not false: the check fails, and names it', async () => {
  const { evicted_keys: _, aof_last_write_status: _status, ...others } = INFO
  expect(await readInfo({ ...others, blocked_clients: 'n/a' })).toMatchObject({
    status: 'failed',
    error: 'connection r: INFO of this server does not report evicted_keys, blocked_clients, aof_last_write_status',
  })
})
