import { expect, test } from 'vitest'
import { normaliseReason } from '../../../../activities/checks/normalise-reason.ts'

test.each([
  ['connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'],
  ['getaddrinfo ENOTFOUND ml.internal:8080', 'getaddrinfo ENOTFOUND ml.internal:8080'],
  ['Worker timeout after 3001.5 ms', 'Worker timeout after <n> ms'],
  ['run 8f14e45f-ceea-467f-a0e6-b1c2d3e4f5a6 is gone', 'run <id> is gone'],
  ['trace 4bf92f3577b34da6a3ce929d0e0e4736', 'trace <id>'],
  ['Request failed with status code 503', 'Request failed with status code 503'],
  ['HTTP 404 for item 1234', 'HTTP 404 for item <n>'],
  ['failed at 2026-01-02T03:04:05.678Z', 'failed at <time>'],
  ['first line\n    at code (file.js:10:5)', 'first line'],
  ['job stalled more than allowable limit', 'job stalled more than allowable limit'],
  ['x'.repeat(5_000), 'x'.repeat(300)],
])('%s', (reason, normal) => {
  expect(normaliseReason(reason)).toBe(normal)
})
