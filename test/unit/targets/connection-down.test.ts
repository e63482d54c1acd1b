import { describe, expect, test } from 'vitest'
import { RunbookError } from '../../../src/core/errors.ts'
import { downConnection, isDown } from '../../../src/targets/connection-down.ts'

const withCode = (message: string, code: string, severity?: string) =>
  Object.assign(new Error(message), { code }, severity ? { severity } : {})

describe('a connection is down', () => {
  test.each([
    withCode('connect ECONNREFUSED 127.0.0.1:6379', 'ECONNREFUSED'),
    withCode('getaddrinfo ENOTFOUND redis', 'ENOTFOUND'),
    withCode('read ECONNRESET', 'ECONNRESET'),
    withCode('terminating connection due to administrator command', '57P01', 'FATAL'),
    withCode('the database system is starting up', '57P03', 'FATAL'),
    withCode('sorry, too many clients already', '53300', 'FATAL'),
    withCode('cannot execute UPDATE in a read-only transaction', '25006', 'ERROR'),
    new Error('Connection terminated unexpectedly'),
    new Error('timeout exceeded when trying to connect'),
    new Error('Connection is closed.'),
    new Error('LOADING Redis is loading the dataset in memory'),
    new Error("READONLY You can't write against a read only replica."),
    new Error('MASTERDOWN Link with MASTER is down'),
    new AggregateError([withCode('connect', 'ECONNREFUSED'), withCode('connect', 'ECONNREFUSED')]),
  ])('after: %s', (error) => {
    expect(isDown(error)).toBe(true)
    expect(isDown(new RunbookError('RUNBOOK_CHECK_FAILED', 'connection db: INFO failed', {}, error))).toBe(true)
  })

  test.each([
    withCode('password authentication failed', '28P01', 'FATAL'),
    withCode('permission denied for table runs', '42501', 'ERROR'),
    withCode('canceling statement due to statement timeout', '57014', 'ERROR'),
    withCode('invalid frontend message', '08P01', 'FATAL'),
    withCode('self-signed certificate', 'DEPTH_ZERO_SELF_SIGNED_CERT'),
    new Error('WRONGPASS invalid username-password pair'),
    new Error("NOPERM User reader has no permissions to run the 'set' command"),
    new Error('Command timed out'),
    new RunbookError('RUNBOOK_UNREACHABLE', 'all connections of this process are in use', { busy: true, down: true }),
    new RunbookError('RUNBOOK_CONFIG', 'refuses the login', { connection: 'db' }, withCode('reset', 'ECONNRESET')),
    'ECONNREFUSED',
    undefined,
  ])('not after: %s', (error) => {
    expect(isDown(error)).toBe(false)
  })

  test('by name only where the client of a target said so: the same error may be of the database of the engine', () => {
    const said = new RunbookError('RUNBOOK_UNREACHABLE', 'does not answer', { connection: 'db', down: true })
    expect(downConnection(said)).toBe('db')
    expect(downConnection(new Error('trying again', { cause: said }))).toBe('db')
    expect(downConnection(withCode('connect ECONNREFUSED', 'ECONNREFUSED'))).toBeUndefined()
    const busy = new RunbookError('RUNBOOK_UNREACHABLE', 'in use', { connection: 'db', busy: true })
    expect(downConnection(busy)).toBeUndefined()
  })
})
