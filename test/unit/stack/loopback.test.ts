import { expect, test } from 'vitest'
import { requireLoopback } from '../../../src/stack/loopback.ts'

test.each([
  ['REDIS_URL', 'redis://localhost:6379/2', 'localhost:6379'],
  ['TEMPORAL_ADDRESS', '127.0.0.1:7233', '127.0.0.1:7233'],
  ['TEMPORAL_ADDRESS', '[::1]:7233', '[::1]:7233'],
  ['RUNBOOK_POSTGRES_URL', 'postgres://u:p@127.1.2.3:5432/db', '127.1.2.3:5432'],
])('%s=%s is on this machine', (variable, value, host) => {
  expect(requireLoopback(variable, value).host).toBe(host)
})

test.each([
  'redis://10.0.0.5:6379',
  'cluster.example.com:7233',
  'localhost.example.com:7233',
  '127.0.0.1.example.com:7233',
  '0.0.0.0:7233',
  'postgres://u:p@127.0.0.1:5432/db?host=db.example.com',
  'postgres:///db',
  ':7233',
])('%s is refused', (value) => {
  expect(() => requireLoopback('SOME_URL', value)).toThrow(expect.objectContaining({ code: 'RUNBOOK_CONFIG' }))
})

test('the error names the variable, and does not contain the password', () => {
  const refuse = () => requireLoopback('RUNBOOK_POSTGRES_URL', 'postgres://u:secret-password@db.example.com/x')
  expect(refuse).toThrow(/RUNBOOK_POSTGRES_URL points to db\.example\.com/)
  expect(refuse).not.toThrow(/secret-password/)
})
