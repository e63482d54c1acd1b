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
])('the reason %j holds no information', (reason) => expect(isEmptyReason(reason)).toBe(true))

test.each([['Error: x'], ['job stalled'], ['0']])('the reason %j holds information', (reason) =>
  expect(isEmptyReason(reason)).toBe(false),
)
