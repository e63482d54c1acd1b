import { expect, test } from 'vitest'
import { exitCodeOf, exitCodeOfOutcome } from '../../../src/cli/exit-codes.ts'
import { RunbookError, type ErrorCode } from '../../../src/core/errors.ts'

test.each<[ErrorCode, number]>([
  ['RUNBOOK_BAD_INPUT', 2],
  ['RUNBOOK_CONFIG', 2],
  ['RUNBOOK_UNKNOWN_INCIDENT_TYPE', 2],
  ['RUNBOOK_NOT_FOUND', 2],
  ['RUNBOOK_NOT_AUTHENTICATED', 4],
  ['RUNBOOK_NOT_ALLOWED', 4],
  ['RUNBOOK_CONFLICT', 1],
  ['RUNBOOK_UNREACHABLE', 1],
  ['RUNBOOK_INVALID_RUNBOOK', 1],
])('%s exits with %i', (code, exit) => expect(exitCodeOf(new RunbookError(code, ''))).toBe(exit))

test('any other error exits with 1', () => expect(exitCodeOf(new Error('x'))).toBe(1))

test.each([
  ['resolved', 0],
  ['cleared', 0],
  ['no-action', 0],
  ['handed-off', 0],
  ['cancelled', 3],
  ['failed', 5],
  ['escalated', 5],
  ['declined', 6],
  ['expired', 6],
  [null, 8],
] as const)('watching an incident with outcome %s exits with %i', (outcome, exit) =>
  expect(exitCodeOfOutcome(outcome)).toBe(exit),
)
