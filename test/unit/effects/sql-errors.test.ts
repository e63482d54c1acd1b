import { expect, test } from 'vitest'
import { sqlVerdict } from '../../../src/effects/sql-errors.ts'

test.each([
  ['a value of the wrong type', '22P02', 'refused'],
  ['a violated constraint', '23514', 'refused'],
  ['a missing right', '42501', 'refused'],
  ['a missing column', '42703', 'refused'],
  ['a trigger that raises', 'P0001', 'refused'],
  ['a value that is too large for an index', '54000', 'refused'],
  ['a statement that is too complex', '54001', 'refused'],
  ['a lock timeout', '55P03', 'retry'],
  ['a statement timeout', '57014', 'retry'],
  ['a deadlock', '40P01', 'retry'],
  ['a serialization failure', '40001', 'retry'],
  ['too many connections', '53300', 'retry'],
  ['a full disk', '53100', 'retry'],
  ['a server that shuts down', '57P01', 'lost'],
  ['a session ended for idling in a transaction', '25P03', 'lost'],
  ['a broken connection', '08006', 'lost'],
])('%s (%s) means %s', (_, code, verdict) => {
  expect(sqlVerdict(Object.assign(new Error(), { code }))).toBe(verdict)
})

test.each(['ECONNRESET', 'EPIPE', undefined])(
  'after a socket error (%s) the result of the transaction is not known',
  (code) => {
    expect(sqlVerdict(Object.assign(new Error('Connection terminated unexpectedly'), { code }))).toBe('lost')
  },
)
