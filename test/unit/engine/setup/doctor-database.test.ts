import { expect, test } from 'vitest'
import { databaseSettingsFinding } from '../../../../src/engine/setup/doctor-database.ts'

const GOOD = {
  synchronous_commit: 'on',
  fsync: 'on',
  full_page_writes: 'on',
  statement_timeout: '60000',
  lock_timeout: '10000',
  idle_in_transaction_session_timeout: '60000',
}

test('a durable database with limits needs no change', () => {
  expect(databaseSettingsFinding({ role: 'app', settings: GOOD })).toBeUndefined()
})

test.each(['synchronous_commit', 'fsync', 'full_page_writes'])(
  '%s = off is an error: a crash can lose history',
  (name) => {
    const found = databaseSettingsFinding({ role: 'app', settings: { ...GOOD, [name]: 'off' } })
    expect(found).toMatchObject({ ok: false, detail: expect.stringContaining(`${name} is off`) })
  },
)

test('synchronous_commit = local waits for the local disk, which is enough', () => {
  expect(databaseSettingsFinding({ role: 'app', settings: { ...GOOD, synchronous_commit: 'local' } })).toBeUndefined()
})

test('a role without limits is a warning with the statement that sets them', () => {
  const found = databaseSettingsFinding({
    role: 'my"app',
    settings: { ...GOOD, idle_in_transaction_session_timeout: '0' },
  })
  expect(found).toMatchObject({
    ok: true,
    warning: true,
    fix: `ALTER ROLE "my""app" SET idle_in_transaction_session_timeout = '60s';`,
  })
})
