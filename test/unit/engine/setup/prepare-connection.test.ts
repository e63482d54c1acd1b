import { expect, test } from 'vitest'
import { loadConfig } from '../../../../src/config/load-config.ts'
import { prepareConnection } from '../../../../src/engine/setup/prepare-connection.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** Prepares `orders` with an administrator's address where no server answers. */
async function prepareOrders(connections: string): Promise<unknown> {
  const cwd = mkdtempSync(join(tmpdir(), 'prepare-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  writeFileSync(
    join(cwd, 'runbook.config.yaml'),
    `database: \${RUNBOOK_DATABASE_URL}\nrunbooks: [runbooks]\nconnections:\n${connections}people: { me: { token: "\${TOKEN}", groups: [oncall] } }\n`,
  )
  const config = loadConfig({ env: {}, cwd })
  return prepareConnection(config, 'orders', { adminUrl: 'redis://127.0.0.1:9' })
}

test('two connections with one variable are refused, because the login of one would replace the login of the other', async () => {
  await expect(
    prepareOrders(`  orders: { kind: bullmq, read: "\${REDIS_READ}", queue: orders }
  mails: { kind: bullmq, read: "\${REDIS_READ}", queue: mails }
`),
  ).rejects.toThrow(
    /connection orders: read refers to REDIS_READ, and so does read of connection mails\..* such as \$\{ORDERS_READ\}$/,
  )
})

test('a connection whose two logins have one variable is refused', async () => {
  await expect(
    prepareOrders(`  orders: { kind: bullmq, read: "\${REDIS}", write: "\${REDIS}", queue: orders }\n`),
  ).rejects.toThrow('orders: read refers to REDIS, and so does write of connection orders')
})

test('other variables of the same server are accepted', async () => {
  await expect(
    prepareOrders(`  orders: { kind: bullmq, read: "\${ORDERS_READ}", queue: orders }
  mails: { kind: bullmq, read: "\${MAILS_READ}", queue: mails }
`),
  ).rejects.toThrow(/ECONNREFUSED|does not answer|127\.0\.0\.1:9/)
})

test('two connections may share a login that reads one PostgreSQL database', async () => {
  await expect(
    prepareOrders(`  orders: { kind: postgres, read: "\${SHOP_READ}" }
  reports: { kind: postgres, read: "\${SHOP_READ}" }
`),
  ).rejects.toThrow('the admin address is not a postgres:// address')
})
