import { createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCheck } from '../../../../activities/checks/run-check.ts'
import { Secret } from '../../../../src/config/secret.ts'
import type { JsonObject } from '../../../../src/core/json.ts'
import { openTargets } from '../../../../src/targets/open-targets.ts'
import type { Targets } from '../../../../src/targets/targets.ts'

/** A response of exactly these bytes. The server closes the connection after them, so the body may be incomplete. */
function raw(head: string[], body: Buffer | string = ''): Buffer {
  return Buffer.concat([Buffer.from(['HTTP/1.1 200 OK', ...head, '', ''].join('\r\n')), Buffer.from(body)])
}
const whole = (type: string, body: Buffer | string, more: string[] = []) =>
  raw([`content-type: ${type}`, `content-length: ${Buffer.byteLength(body)}`, ...more], body)

const METRICS = 'depth{queue="q"} 3\n'
const OPEN_METRICS = 'application/openmetrics-text; version=1.0.0; charset=utf-8'
const answers: Record<string, Buffer> = {
  '/nothing': Buffer.from('HTTP/1.1 204 No Content\r\n\r\n'),
  '/bom': whole('application/json', '\ufeff{"status":"up"}'),
  '/latin1': whole('application/json', Buffer.from('{"status":"café"}', 'latin1')),
  '/utf8': whole('application/json', '{"status":"café"}'),
  '/html': whole('text/html', '<!doctype html><title>Sign in</title>'),
  '/html-as-json': whole('application/json', '<html>bad gateway</html>'),
  '/brotli': whole('application/json', brotliCompressSync('{"status":"up"}'), ['content-encoding: br']),
  '/zstd': whole('application/json', 'x', ['content-encoding: zstd']),
  '/not-gzip': whole('application/json', '{"status":"up"}', ['content-encoding: gzip']),
  '/cut-gzip': raw(
    ['content-type: application/json', 'content-encoding: gzip', 'transfer-encoding: chunked'],
    Buffer.concat([Buffer.from('5\r\n'), gzipSync('{"status":"up"}').subarray(0, 5), Buffer.from('\r\n0\r\n\r\n')]),
  ),
  '/no-end': raw(['content-type: application/json', 'transfer-encoding: chunked'], '5\r\n{"sta\r\n'),
  '/too-short': raw(['content-type: application/json', 'content-length: 100'], '{"status":"up"}'),
  '/too-long': raw(['content-type: application/json', 'content-length: 5'], '{"status":"up"}'),
  '/m/gzip': whole('text/plain', gzipSync(METRICS), ['content-encoding: gzip']),
  '/m/open': whole(OPEN_METRICS, `# TYPE depth gauge\n${METRICS}# EOF\n`),
  '/m/open-cut': whole(OPEN_METRICS, `# TYPE depth gauge\n${METRICS}`),
  '/m/twice': whole('text/plain', `${METRICS}depth{queue="r"} 1\ndepth{queue="q"} 4\n`),
}
const sockets = new Set<Socket>()
const server = createServer((socket) => {
  sockets.add(socket)
  socket.on('error', () => {})
  socket.once('data', (data) => socket.end(answers[data.toString().split(' ')[1] ?? ''] ?? whole('text/plain', '')))
})
let targets: Targets

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new Secret('${X}', 'test', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, [])
  targets = openTargets({ connections: { odd: { kind: 'http', url, headers: {}, redact: [] } } })
})
afterAll(async () => {
  await targets.close()
  for (const socket of sockets) socket.destroy()
  server.close()
})

async function check(kind: string, parameters: JsonObject): Promise<JsonObject> {
  const run = { name: 'c', kind, parameters: { connection: 'odd', ...parameters }, retries: 0, place: 'p' }
  const evidence = await runCheck({ ...run, timeoutMs: 3_000 }, targets)
  expect(evidence).toMatchObject({ status: 'ok' })
  return evidence.result!
}

test.each([
  ['no content', '/nothing', { status: 204, body: '', unparsed: 0, truncated: false }],
  ['JSON after a byte order mark', '/bom', { body: { status: 'up' }, unparsed: 0 }],
  ['JSON in Latin 1 that does not say so', '/latin1', { body: { status: 'café' }, unparsed: 0 }],
  ['JSON in UTF-8', '/utf8', { body: { status: 'café' }, unparsed: 0 }],
  ['a page', '/html', { body: '<!doctype html><title>Sign in</title>', unparsed: 0 }],
  ['a page that says it is JSON', '/html-as-json', { unparsed: 1, truncated: true }],
  ['a body in brotli', '/brotli', { body: { status: 'up' }, unparsed: 0, truncated: false }],
  ['an encoding that is not supported', '/zstd', { body: null, unparsed: 1, truncated: true }],
  ['a body that is not gzip and says so', '/not-gzip', { body: null, unparsed: 1, truncated: true }],
  ['a body in gzip that is cut', '/cut-gzip', { body: null, unparsed: 1, truncated: true }],
])('%s is read as it is', async (_, path, expected) => {
  expect(await check('http.get', { path })).toMatchObject({ reachable: true, ok: true, ...expected })
})

test.each([
  ['chunks without an end', '/no-end'],
  ['less than its length', '/too-short'],
  ['more than its length', '/too-long'],
])('an answer with %s is not a whole answer: it is not ok and has no body', async (_, path) => {
  const result = await check('http.get', { path })
  expect(result).toMatchObject({ reachable: true, ok: false, status: 200, body: null })
  expect(result.error).toMatch(/aborted|closed|Parse Error/)
})

const depth = { name: 'depth', labels: { queue: 'q' }, value: 3 }

test.each([
  ['in gzip', '/m/gzip', { rows: [depth], truncated: false }],
  ['of OpenMetrics', '/m/open', { rows: [depth], truncated: false, unparsed: 0 }],
  ['of OpenMetrics without the last line', '/m/open-cut', { rows: [depth], truncated: true, unparsed: 0 }],
])('metrics %s are read', async (_, path, expected) => {
  expect(await check('metrics.scrape', { path, names: ['depth'] })).toMatchObject(expected)
})

test('a series with two values has none, and both count as unparsed', async () => {
  const result = await check('metrics.scrape', { path: '/m/twice', names: ['depth'] })
  expect(result).toMatchObject({ unparsed: 2, truncated: true, missing: [] })
  expect(result.rows).toEqual([{ name: 'depth', labels: { queue: 'r' }, value: 1 }])
})
