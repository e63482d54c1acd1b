import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCheck } from '../../../../activities/checks/run-check.ts'
import { Secret } from '../../../../src/config/secret.ts'
import type { JsonObject } from '../../../../src/core/json.ts'
import { openTargets } from '../../../../src/targets/open-targets.ts'
import type { Targets } from '../../../../src/targets/targets.ts'

const seen: { url: string | undefined; authorization: string | undefined }[] = []
const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/api/health': (_, response) => {
    response.setHeader('content-type', 'application/json; charset=utf-8')
    response.end('{"status":"up","email":"a@b"}')
  },
  '/api/as-text': (_, response) => void response.end('{"status":"up","deep":[{"Email":"ada@example.org"}]}'),
  '/api/large-json': (_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ email: 'ada@example.org', more: 'x'.repeat(40_000) }))
  },
  '/api/not-json': (_, response) => void response.end('email: ada@example.org'),
  '/api/empty': (_, response) => void response.end(),
  '/api/broken': (_, response) => {
    response.statusCode = 503
    response.setHeader('content-type', 'application/json')
    response.end('not json')
  },
  '/api/redirect': (_, response) => {
    response.statusCode = 302
    response.setHeader('location', '/api/health')
    response.end()
  },
  '/api/large': (_, response) => void response.end('x'.repeat(100_000)),
  '/api/cached': (_, response) => {
    response.setHeader('age', '600')
    response.end('depth{queue="q"} 3\n')
  },
  '/api/fresh': (_, response) => {
    response.setHeader('age', '2')
    response.end('depth{queue="q"} 3\n')
  },
  '/api/slow': () => {},
  '/api/metrics': (_, response) => void response.end('depth{queue="q"} 3\nother 1\n'),
}
const server = createServer((request, response) => {
  seen.push({ url: request.url, authorization: request.headers.authorization })
  const route = routes[request.url ?? '']
  if (route) return route(request, response)
  response.statusCode = 404
  response.end()
})
let targets: Targets

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const secret = (value: string) => new Secret('${X}', 'test', value, [])
  const http = (url: string, redact: string[] = []) => ({
    kind: 'http' as const,
    url: secret(url),
    headers: {},
    redact,
  })
  targets = openTargets({
    connections: {
      api: {
        ...http(`http://127.0.0.1:${port}/api/`, ['email']),
        headers: { authorization: secret('Bearer hunter2') },
      },
      basic: http(`http://me:hunter2@127.0.0.1:${port}/api`),
      down: http('http://me:hunter2@127.0.0.1:1'),
      nowhere: http('http://no-such-host.invalid'),
      cloud: http('http://169.254.169.254/latest'),
      mapped: http('http://[::ffff:169.254.169.254]/'),
    },
  })
})
afterAll(async () => {
  await targets.close()
  server.closeAllConnections()
  server.close()
})

function check(kind: string, parameters: JsonObject, timeoutMs = 3_000) {
  return runCheck({ name: 'c', kind, parameters, timeoutMs, retries: 0, place: 'p' }, targets)
}

test('the result has the status, the latency and the redacted JSON body', async () => {
  const evidence = await check('http.get', { connection: 'api', path: '/health' })
  expect(evidence.result).toMatchObject({
    reachable: true,
    ok: true,
    status: 200,
    body: { status: 'up', email: '[redacted]' },
    truncated: false,
    error: null,
  })
  expect(evidence.result!.latencyMs).toBeLessThan(2_000)
})

test('configured headers and credentials are sent and never stored', async () => {
  seen.length = 0
  const answers = [
    await check('http.get', { connection: 'api', path: '/health' }),
    await check('http.get', { connection: 'basic' }),
  ]
  expect(seen.map((request) => request.authorization)).toEqual([
    'Bearer hunter2',
    `Basic ${Buffer.from('me:hunter2').toString('base64')}`,
  ])
  expect(JSON.stringify(answers)).not.toContain('hunter2')
})

test('a status of 400 or higher is reachable but not ok', async () => {
  const { result } = await check('http.get', { connection: 'basic', path: '/broken' })
  expect(result).toMatchObject({ reachable: true, ok: false, status: 503, body: 'not json' })
})

test('a redirect is not followed', async () => {
  seen.length = 0
  const { result } = await check('http.get', { connection: 'api', path: '/redirect' })
  expect(result).toMatchObject({ status: 302, ok: false })
  expect(seen).toHaveLength(1)
})

test.each([
  ['http.get', {}],
  ['metrics.scrape', { names: ['depth'] }],
])('%s does not take the old answer of a cache for one of the service', async (kind, parameters) => {
  expect(await check(kind, { connection: 'api', path: '/cached', ...parameters })).toMatchObject({
    status: 'failed',
    error: expect.stringContaining('the answer is 600 s old and comes from a cache in front of the service'),
  })
  expect((await check(kind, { connection: 'api', path: '/fresh', ...parameters })).result).toMatchObject({
    reachable: true,
  })
})

test('a large body is cut, and the result is truncated', async () => {
  const { result } = await check('http.get', { connection: 'basic', path: '/large' })
  expect(result).toMatchObject({ ok: true, truncated: true })
  expect((result!.body as string).length).toBe(32 * 1024)
})

test.each([
  ['is JSON and does not say so', '/as-text', { status: 'up', deep: [{ Email: '[redacted]' }] }, false],
  ['is JSON too long to be kept whole', '/large-json', '[redacted: fields are known only in a whole JSON body]', true],
  ['is no JSON', '/not-json', '[redacted: fields are known only in a whole JSON body]', true],
  ['is empty', '/empty', '', false],
])('of a body that %s, no redacted field is kept', async (_, path, body, truncated) => {
  const { result } = await check('http.get', { connection: 'api', path })
  expect(result).toMatchObject({ ok: true, body, truncated })
})

test.each([
  ['down', '/', 1_000, 'ECONNREFUSED'],
  ['nowhere', '/', 3_000, 'cannot be resolved'],
  ['api', '/slow', 400, 'no complete answer within 360 ms'],
])('no answer from %s is a result', async (connection, path, timeoutMs, error) => {
  const evidence = await check('http.get', { connection, path }, timeoutMs)
  expect(evidence).toMatchObject({ status: 'ok' })
  expect(evidence.result).toMatchObject({
    reachable: false,
    ok: false,
    status: null,
    error: expect.stringContaining(error),
  })
  expect(JSON.stringify(evidence)).not.toContain('hunter2')
})

test.each(['cloud', 'mapped'])('a link-local address (%s) is refused', async (connection) => {
  const evidence = await check('http.get', { connection })
  expect(evidence).toMatchObject({ status: 'failed', error: expect.stringContaining('link-local') })
})

test.each([
  '//evil.example/',
  'http://evil.example/',
  '/../admin',
  '/%2e%2e/admin',
  '/runs/../admin',
  '/runs/.%2E/admin',
  '/runs/..',
  '/./admin',
  '/a\\b',
  '/a%5cb',
  '/..%2f..%2fx',
  '/runs/%2e%2e%2fx',
  '/%252e%252e/admin',
  '/..%252f..%252fx',
  '/%25252e%25252e/x',
  '/a/..;/x',
  '/a/..;v=1/x',
  '/a/%2e%2e%3b/x',
  '/a/.;/x',
  '/a/..%20/x',
  '/a/..%00/x',
  '/%c0%ae%c0%ae/x',
  '/a/%u002e%u002e/x',
  '/a%3f/../x',
  '@evil.example/',
  '/a b',
])('the path %s cannot leave the configured address', async (path) => {
  seen.length = 0
  const evidence = await check('http.get', { connection: 'api', path })
  expect(evidence).toMatchObject({ status: 'failed', error: expect.stringContaining('is not a path under') })
  expect(seen).toEqual([])
})

test.each([
  '/runs/a..b',
  '/runs/...',
  '/runs/a%2Fb',
  '/runs/100%25',
  '/runs/50%',
  '/runs/a;v=1',
  '/runs?at=../x&b=%5c',
  '/runs/%20a',
])('the path %s is sent as it is written', async (path) => {
  seen.length = 0
  expect(await check('http.get', { connection: 'api', path })).toMatchObject({ status: 'ok' })
  expect(seen).toHaveLength(1)
})

test('metrics are read by name, and missing ones are listed', async () => {
  const { result } = await check('metrics.scrape', { connection: 'api', names: ['depth', 'nope'] })
  expect(result).toEqual({
    reachable: true,
    rows: [{ name: 'depth', labels: { queue: 'q' }, value: 3 }],
    missing: ['nope'],
    unparsed: 0,
    outdated: 0,
    truncated: false,
    error: null,
  })
})

test.each([
  ['down', '/metrics'],
  ['api', '/broken'],
])(
  'metrics that cannot be read (%s%s) are truncated, so that expressions stay undetermined',
  async (connection, path) => {
    const evidence = await check('metrics.scrape', { connection, path, names: ['depth'] })
    expect(evidence).toMatchObject({ status: 'ok', truncated: true })
    expect(evidence.result).toMatchObject({ reachable: false, rows: [], missing: ['depth'] })
  },
)
