import { HTTPException } from 'hono/http-exception'
import { expect, test } from 'vitest'
import { RunbookError, type ErrorCode } from '../../../src/core/errors.ts'
import { problemOf } from '../../../src/http/problem.ts'

test.each<[ErrorCode, number]>([
  ['RUNBOOK_BAD_INPUT', 400],
  ['RUNBOOK_UNKNOWN_INCIDENT_TYPE', 400],
  ['RUNBOOK_NOT_AUTHENTICATED', 401],
  ['RUNBOOK_NOT_ALLOWED', 403],
  ['RUNBOOK_NOT_FOUND', 404],
  ['RUNBOOK_CONFLICT', 409],
  ['RUNBOOK_INVALID_RUNBOOK', 422],
  ['RUNBOOK_UNREACHABLE', 503],
])('%s is HTTP %i, with its message and data', (code, status) => {
  expect(problemOf(new RunbookError(code, 'what happened', { known: ['a'] }))).toMatchObject({
    status,
    code,
    detail: 'what happened',
    data: { known: ['a'] },
  })
})

test.each([
  ['a connection that is refused', Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })],
  ['all addresses of a host refused', new AggregateError([Object.assign(new Error('x'), { code: 'ECONNREFUSED' })])],
  ['PostgreSQL shutting down', Object.assign(new Error('terminating connection'), { code: '57P01' })],
  ['a full disk at the database', Object.assign(new Error('could not extend file'), { code: '53100' })],
  ['a database without a free connection', Object.assign(new Error('too many clients'), { code: '53300' })],
  ['a lock that took too long', Object.assign(new Error('canceling statement'), { code: '55P03' })],
  ['a statement that took too long', Object.assign(new Error('canceling statement'), { code: '57014' })],
  ['a pool that timed out waiting for a connection', new Error('timeout exceeded when trying to connect')],
  ['a connection that broke', new Error('Connection terminated unexpectedly')],
  ['Temporal being unavailable', Object.assign(new Error('14 UNAVAILABLE'), { code: 14 })],
  [
    'Temporal being unavailable, as a cause',
    new Error('failed', { cause: Object.assign(new Error('x'), { code: 14 }) }),
  ],
  ['a database query that timed out', new Error('Query read timeout')],
  [
    'a connection reset, as a cause',
    new Error('failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }),
  ],
])('%s is 503', (_, error) => {
  expect(problemOf(error)).toMatchObject({ status: 503, code: 'RUNBOOK_UNREACHABLE' })
})

test('an error of the HTTP framework keeps its status', () => {
  expect(problemOf(new HTTPException(400, { message: 'Malformed JSON' }))).toMatchObject({
    status: 400,
    code: 'RUNBOOK_BAD_INPUT',
    detail: 'Malformed JSON',
  })
})

test.each([new Error('the password is 123'), 'text', undefined])(
  'any other error is 500 without its message',
  (error) => {
    const problem = problemOf(error)
    expect(problem).toMatchObject({ status: 500, code: 'RUNBOOK_INTERNAL' })
    expect(JSON.stringify(problem)).not.toContain('123')
  },
)
