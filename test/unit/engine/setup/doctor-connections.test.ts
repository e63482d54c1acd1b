import { expect, test } from 'vitest'
import { resolveSecret } from '../../../../src/config/secret.ts'
import { doctorConnections } from '../../../../src/engine/setup/doctor-connections.ts'
import { freePort } from '../../../../src/stack/ports.ts'

const TEXT = '${SHOP_DB_READ}'

async function findingOf(environment: Record<string, string>, text = TEXT) {
  const read = resolveSecret(text, 'connection shop-db (read)', environment)
  const [finding] = await doctorConnections({
    connections: { 'shop-db': { kind: 'postgres', read, ledger: 'none', redact: [] } },
  })
  return finding
}

test('a connection that does not answer names the variable that has its address', async () => {
  const address = `postgres://u:k8Pz2mQw@127.0.0.1:${await freePort([0])}/shop`
  expect(await findingOf({ SHOP_DB_READ: address })).toMatchObject({
    ok: false,
    fix: 'start the server, or correct the address in SHOP_DB_READ, in the environment or in .runbook/env',
  })
  const { fix } = (await findingOf({ PASSWORD: 'k8Pz2mQw' }, address.replace('k8Pz2mQw', '${PASSWORD}')))!
  expect(fix).toBe('start the server, or correct the address in "read" of the connection')
})

test('an address that is wrong is to be corrected, and no server is to be started', async () => {
  expect(await findingOf({ SHOP_DB_READ: 'mysql://u:k8Pz2mQw@127.0.0.1/shop' })).toMatchObject({
    ok: false,
    fix: 'correct the address in SHOP_DB_READ, in the environment or in .runbook/env',
  })
})

test('a variable that is not set is named once', async () => {
  const finding = await findingOf({})
  expect(finding!.detail).toContain('SHOP_DB_READ is not set')
  expect(finding!.fix).toBeUndefined()
})
