import { expect, test } from 'vitest'
import { isEmptyReason, normaliseReason } from '../../../../activities/checks/normalise-reason.ts'

test.each([
  ['connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED 127.0.0.1:5432'],
  ['getaddrinfo ENOTFOUND ml.internal:8080', 'getaddrinfo ENOTFOUND ml.internal:8080'],
  ['connect ECONNREFUSED pg-main:7777', 'connect ECONNREFUSED pg-main:7777'],
  ['order:123 has no lines', 'order:<n> has no lines'],
  ['Worker timeout after 3001.5 ms', 'Worker timeout after <n> ms'],
  ['Request failed with status code 503', 'Request failed with status code 503'],
  ['SMTP answered 421 after 17 s', 'SMTP answered 421 after <n> s'],
  ['the query returned 200 rows', 'the query returned <n> rows'],
  ['error for user 123', 'error for user <n>'],
  ['HTTP 404 for item 1234', 'HTTP 404 for item <n>'],
  ['ffmpeg exited with code 137', 'ffmpeg exited with code 137'],
  ['E11000 duplicate key 42', 'E11000 duplicate key <n>'],
  ['failed at 2026-01-02T03:04:05.678Z', 'failed at <time>'],
  ['mail to ada.l@example.org bounced', 'mail to <email> bounced'],
  ['job stalled more than allowable limit', 'job stalled more than allowable limit'],
  ['Base64Error: no worker12', 'Base<n>Error: no worker<n>'],
])('%s', (reason, normal) => {
  expect(normaliseReason(reason)).toBe(normal)
})

test.each([
  // cspell:disable
  ['hash of a deployment', 'api-7d4b9c6f5-x2x9k', 'api-6f8dbb7c9d-hxkzw'],
  ['hash without digits', 'api-bbdfddcf-zzxwv', 'api-7c5ddbdf54-pqmnt'],
  ['suffix of a cron job', 'report-28471020-abcde', 'report-28471080-xk9s2'],
  ['suffix of a daemon set', 'fluentd-x2x9k', 'fluentd-gp7tb'],
  ['short prefixed id', 'job_1a2b', 'job_9z8y'],
  ['nanoid without digits', 'XkQzPvTbMnRwLsJdHgFcY', 'aBcDeFgHiJkLmNoPqRsTu'],
  ['UUID of version 7', '018f5e2c-7b3a-7c1d-9e4f-2a1b3c4d5e6f', '0190a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b'],
  ['digest of 8 digits', 'abcdef12', '1a2b3c4d'],
  ['UUID', '8f14e45f-ceea-467f-a0e6-b1c2d3e4f5a6', '1C0A8D7E-2B3C-4D5E-8F90-A1B2C3D4E5F6'],
  ['hex', '4bf92f3577b34da6a3ce929d0e0e4736', '507f1f77bcf86cd799439011'],
  ['ULID', '01ARZ3NDEKTSV4RRFFQ69G5FAV', '01BX5ZZKBKACTAV9WEVGEMMVRZ'],
  ['cuid', 'cjld2cjxh0000qzrmn831i7rn', 'clq1z8p0a0001s6h3bqkzv9xw'],
  ['cuid2', 'tz4a98xxat96iws9zmbrgj3a', 'pfh0haxfpzowht3oi213cqos'],
  ['nanoid', 'V1StGXR8_Z5jdHi6B-myT', 'kP3xQz0a-LmN2wE9rT_uY'],
  ['prefixed id', 'cus_NffrFeUfNV2Hib', 'cus_9s6XKzkNRiz8i3'],
  ['prefixed id with digits', 'ord-abc123', 'ord-9f8e7d'],
  // cspell:enable
  ['number in the middle', 'item-17-of-order-981', 'item-3-of-order-1002'],
])('a %s does not separate failures', (_, one, other) => {
  const [a, b] = [one, other].map((id) => normaliseReason(`record ${id} not found, giving up`))
  expect(a).toBe(b)
  expect(a).toMatch(/^record .*<(?:id|n)>.* not found, giving up$/)
})

const prisma = (why: string) =>
  `\nInvalid \`prisma.order.update()\` invocation in\n/srv/app/orders.js:41:27\n\n  38 const order = await load(id)\n  39 \n→ 41 await prisma.order.update(\n${why}`
const zod = (path: (string | number)[], message = 'Required') =>
  JSON.stringify([{ code: 'invalid_type', expected: 'string', path, message }], null, 2)

test.each([
  [
    'of Prisma, by its last line',
    prisma("Can't reach database server at `pg:5432`"),
    prisma('Unique constraint failed on the fields: (`id`)'),
  ],
  ['of zod, by the path', zod(['email']), zod(['amount'])],
  ['of zod behind a text', `Validation failed: ${zod(['email'])}`, `Validation failed: ${zod(['amount'])}`],
  [
    'of a driver that puts SQL first',
    `insert into "t" (${'"c", '.repeat(200)}) - duplicate key`,
    `insert into "t" (${'"c", '.repeat(200)}) - deadlock detected`,
  ],
  [
    'of a command, by its last line',
    'Command failed: convert a.png\nconvert 7.1\nno decode delegate',
    'Command failed: convert a.png\nconvert 7.1\nunable to open image',
  ],
  [
    'of Python',
    'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nValueError: bad',
    'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\nKeyError: bad',
  ],
  ['by error codes', 'Query failed: P2002', 'Query failed: P2025'],
  ['by status codes', 'Error: 404', 'Error: 500'],
  ['by exit codes', 'process exited with code 1', 'process exited with code 137'],
])('different failures %s are different groups', (_, one, other) => {
  expect(normaliseReason(one)).not.toBe(normaliseReason(other))
})

test('the same failures are one group, whatever the number of the element and the place in the code', () => {
  expect(normaliseReason(zod(['lines', 3, 'price']))).toBe(normaliseReason(zod(['lines', 12, 'price'])))
  expect(normaliseReason(zod(['email']))).toBe('invalid_type at email Required')
  expect(normaliseReason(prisma('Record to update not found.'))).toBe(
    'Invalid `prisma.order.update()` invocation in: Record to update not found.',
  )
  expect(normaliseReason('first line\n    at code (file.js:10:5)')).toBe('first line')
  expect(normaliseReason('421 Service not available')).toBe('<n> Service not available')
})

test('a long reason keeps its beginning and its end', () => {
  const normal = normaliseReason(`${'x'.repeat(5_000)} the end`)
  expect(normal.length).toBeLessThanOrEqual(300)
  expect(normal).toMatch(/^x{100,}.*the end$/)
})

test.each([
  [null],
  [''],
  ['  '],
  ['Error'],
  ['AggregateError'],
  ['AggregateError:'],
  ['undefined'],
  ['[object Object]'],
  ['Error: undefined'],
  ['[AggregateError: ]'],
  ['AggregateError\n    at connect (node:net:1:2)'],
  ['\u001b[31m\u001b[0m'],
])('the reason %j holds no information', (reason) => expect(isEmptyReason(reason)).toBe(true))

test.each([['Error: x'], ['job stalled'], ['0']])('the reason %j holds information', (reason) =>
  expect(isEmptyReason(reason)).toBe(false),
)

test.each([
  ['colours of a terminal', '\u001b[31mError:\u001b[39m boom', 'Error: boom'],
  ['a date as in mails', 'expired at Fri, 27 Nov 2026 10:11:12 GMT', 'expired at Sat, 5 Dec 2026 09:01:02 GMT'],
  [
    'a date of JavaScript',
    'no slot on Fri Nov 27 2026 10:11:12 GMT+0000 (Coordinated Universal Time)',
    'no slot on Mon Mar 01 2027 00:00:00 GMT+0000 (Coordinated Universal Time)',
  ],
  ['a duration', 'deadline exceeded after 1m30.5s', 'deadline exceeded after 250ms'],
  ['a size', 'body of 1.2MB is too large', 'body of 900 KB is too large'],
  ['thousands and signs', 'balance of -1,000,000 is too low', 'balance of 12.5 is too low'],
  ['digits of other scripts', '注文１２３が見つかりません', '注文９９が見つかりません'],
  ['addresses of clients', 'Too many requests from 203.0.113.7', 'Too many requests from 198.51.100.23'],
  [
    'the local end of a connection',
    'connect ETIMEDOUT 10.0.0.1:5432 - Local (10.0.0.7:54321)',
    'connect ETIMEDOUT 10.0.0.1:5432 - Local (10.0.0.8:33221)',
  ],
  ['mail addresses', "mailbox of o'brien@example.com is full", 'mailbox of jörg+x@jörg-mail.example is full'],
  [
    'the query of a URL',
    'GET https://a.example/s?q=hats&page=2 failed',
    'GET https://a.example/s?q=shoes&page=9 failed',
  ],
  ['names of files', "ENOENT: open '/data/Müller & Co.pdf'", "ENOENT: open '/data/Acme Ltd.pdf'"],
  ['the refused value', 'DETAIL: Key (name)=(Anna) already exists.', 'DETAIL: Key (name)=(Bo (Jr)) already exists.'],
  ['an unknown body', `Unexpected token 'H', "Hello" is not valid JSON`, `Unexpected token < in JSON at position 0`],
  [
    'ids of jobs',
    'Missing lock for job 4711. moveToFinished',
    'Missing lock for job repeat:day:17642364. moveToFinished',
  ],
  ['ids of requests', 'denied, Request ID: 7A3B+x/=', 'denied, Request ID: abc/def='],
])('%s do not separate failures', (what, one, other) => {
  const [a, b] = [normaliseReason(one), normaliseReason(other)]
  if (what === 'an unknown body') expect([a, b].every((text) => text.startsWith('Unexpected token <value>'))).toBe(true)
  else expect(a).toBe(b)
})

test.each([
  ['ports of IPv6', 'connect ECONNREFUSED ::1:5432', 'connect ECONNREFUSED ::1:6379'],
  ['hosts of IPv6', 'connect ECONNREFUSED fd00::10:5432', 'connect ECONNREFUSED fd00::11:5432'],
  ['hosts without a port', 'connect EHOSTUNREACH 10.0.0.4', 'connect EHOSTUNREACH 10.0.0.5'],
  ['hosts behind a user', 'postgres://app@db-one.internal:5432 is down', 'postgres://app@db-two.internal:5432 is down'],
  ['statuses in brackets', '[401] call failed', '[503] call failed'],
  ['statuses after a path', 'GET /orders/17 404', 'GET /orders/17 500'],
  ['statuses before a URL', 'fetch failed: 401 https://a.example/x', 'fetch failed: 503 https://a.example/x'],
  ['statuses in JSON', 'Webhook: {"ok":false,"status":401}', 'Webhook: {"ok":false,"status":503}'],
  ['statuses beside a message', '{"statusCode":404,"message":"x"}', '{"statusCode":500,"message":"x"}'],
  ['numbered errors', 'ERR-1001: refused', 'ERR-2002: refused'],
  ['error codes', 'error code: 1001', 'error code: 2002'],
  ['codes of web sockets', 'socket closed 1006', 'socket closed with code 1011'],
  ['codes of Windows', 'failed with 0x80070005', 'failed with 0x80131500'],
  ['items of a list', 'Invalid\n- name is required\n- see the help', 'Invalid\n- zip is required\n- see the help'],
  [
    'causes',
    "sync failed\n  at x (a.js:1:2) {\n  [cause]: Error: connect ECONNREFUSED 10.0.0.1:6379\n    code: 'E1'",
    "sync failed\n  at x (a.js:1:2) {\n  [cause]: Error: connect ECONNREFUSED 10.0.0.1:5432\n    code: 'E1'",
  ],
  [
    'first errors of Python',
    'Traceback (most recent call last):\nValueError: x\n\nDuring handling of the above exception:\n\nRuntimeError: y',
    'Traceback (most recent call last):\nKeyError: x\n\nDuring handling of the above exception:\n\nRuntimeError: y',
  ],
  [
    'titles of pages',
    '<html>\n<head><title>502 Bad Gateway</title></head>\n</html>',
    '<html>\n<head><title>Sign in</title></head>\n</html>',
  ],
  ['names that look like hashes', 'topic order-created is full', 'topic order-deleted is full'],
  ['columns', 'column "total" does not exist', 'column "amount" does not exist'],
])('%s separate failures', (_, one, other) => expect(normaliseReason(one)).not.toBe(normaliseReason(other)))

test('a number beside the word error is no error code', () => {
  expect(normaliseReason('Error 7 at line 3')).toBe(normaliseReason('Error 42 at line 40'))
  expect(normaliseReason('result: 12 rows, return 5')).toBe(normaliseReason('result: 3 rows, return 77'))
})

test('a number that is no status does not separate failures of requests', () => {
  expect(normaliseReason('request for order 404 failed')).toBe(normaliseReason('request for order 12 failed'))
  expect(normaliseReason('the request took 450 ms')).toBe(normaliseReason('the request took 12 ms'))
})
