import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { runCheck } from '../../../activities/checks/run-check.ts'
import { httpRequestAction } from '../../../activities/actions/http-request.ts'
import { Secret } from '../../../src/config/secret.ts'
import type { ActionImplementation } from '../../../src/effects/action-implementation.ts'
import { openTargets } from '../../../src/targets/open-targets.ts'
import type { Targets } from '../../../src/targets/targets.ts'

let page: { status?: number; headers?: Record<string, string>; body?: string | Buffer } = {}
const server = createServer((_, response) => void response.writeHead(page.status ?? 200, page.headers).end(page.body))
let targets: Targets

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new Secret('${X}', 'test', `http://127.0.0.1:${(server.address() as AddressInfo).port}`, [])
  targets = openTargets({ connections: { s: { kind: 'http', url, headers: {}, redact: [] } } })
})
afterAll(async () => {
  await targets.close()
  server.closeAllConnections()
  server.close()
})

async function check(kind: string, parameters = {}) {
  const run = { name: 'c', kind, timeoutMs: 3_000, retries: 0, place: 'p' }
  return runCheck({ ...run, parameters: { connection: 's', ...parameters } }, targets)
}

const json = '{"status":"up","id":9007199254740993}'
const value = { status: 'up', id: '9007199254740993' }

test.each([
  ['without a type', {}, json],
  ['as text', { 'content-type': 'text/plain' }, json],
  ['with a byte order mark', { 'content-type': 'application/json' }, `\ufeff${json}`],
  ['in gzip', { 'content-encoding': 'gzip' }, gzipSync(json)],
  ['in brotli', { 'content-encoding': 'br' }, brotliCompressSync(json)],
  ['in UTF-16', { 'content-type': 'application/json; charset=utf-16le' }, Buffer.from(json, 'utf16le')],
])('JSON %s is read', async (_, headers, body) => {
  page = { headers: headers as Record<string, string>, body }
  expect((await check('http.get')).result).toMatchObject({ ok: true, body: value, unparsed: 0, truncated: false })
})

test.each([
  ['an infinite number', { 'content-type': 'application/json' }, '{"a":1e999}'],
  ['deep nesting', { 'content-type': 'application/json' }, '['.repeat(3_000) + ']'.repeat(3_000)],
  ['a page instead of JSON', { 'content-type': 'application/json' }, '<html>Sign in</html>'],
  ['an unknown encoding', { 'content-encoding': 'zstd' }, 'xx'],
  ['broken gzip', { 'content-encoding': 'gzip' }, 'not gzip'],
])('a body with %s is counted as not understood', async (_, headers, body) => {
  page = { headers: headers as Record<string, string>, body }
  const evidence = await check('http.get')
  expect(evidence).toMatchObject({ status: 'ok', truncated: true })
  expect(evidence.result).toMatchObject({ reachable: true, ok: true, unparsed: 1, truncated: true })
})

test('a compressed body of 64 MB is cut while it is decoded', async () => {
  page = { headers: { 'content-encoding': 'gzip' }, body: gzipSync(Buffer.alloc(64 * 1024 * 1024, 'x')) }
  expect((await check('http.get')).result).toMatchObject({ ok: true, truncated: true })
})

test('metrics: a compressed exposition is read; a page to sign in is not "missing"; NaN is not "missing"', async () => {
  page = { headers: { 'content-encoding': 'gzip' }, body: gzipSync('jobs 4\n') }
  expect((await check('metrics.scrape', { names: ['jobs'] })).result).toMatchObject({ missing: [], truncated: false })
  page = { headers: { 'content-type': 'text/html' }, body: '<!doctype html><title>Sign in</title>' }
  const signIn = await check('metrics.scrape', { names: ['jobs'] })
  expect(signIn.result).toMatchObject({ truncated: true, error: expect.stringContaining('no metrics') })
  page = { body: 'jobs{queue="a"} 4\njobs{queue="b"} NaN\n' }
  const nan = await check('metrics.scrape', { names: ['jobs', 'gone'] })
  expect(nan.result).toMatchObject({ missing: ['gone'], unparsed: 1, truncated: true })
  page = { body: '# EOF\n' }
  expect((await check('metrics.scrape', { names: ['jobs'] })).result).toMatchObject({
    missing: ['jobs'],
    truncated: false,
  })
})

test.each([
  [200, 'applied'],
  [207, 'unknown'],
  [302, 'unknown'],
  [304, 'unknown'],
  [404, 'refused'],
  [408, 'unknown'],
  [409, 'refused'],
  [499, 'unknown'],
  [503, 'unknown'],
])('a request that is answered with %i is %s', async (status, result) => {
  page = { status, headers: { 'content-encoding': 'zstd' }, body: status === 304 ? '' : 'x' }
  expect(await post()).toMatchObject({ result, observed: { status } })
})

async function post() {
  const implementation = httpRequestAction.implementation as Extract<ActionImplementation, { protocol: 'intent' }>
  const prepared = implementation.prepare({ connection: 's', method: 'POST', path: '/' })
  const context = { targets, effectKey: 'k', timeoutMs: 2_000 } as unknown as Parameters<typeof prepared.run>[0]
  return prepared.run(context)
}

describe('an answer', () => {
  /** Answers the next request with these bytes. */
  function answerWith(bytes: string, end = true) {
    server.once('connection', (socket) => {
      socket.removeAllListeners('data')
      socket.once('data', () => (end ? socket.end(bytes) : socket.write(bytes)))
    })
  }

  test.each([
    ['whose connection is closed early', 'HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"ok":', true],
    ['whose last part is missing', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n{"ok":\r\n', true],
    ['that does not end', 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n', false],
  ])('%s comes from a service that is reachable and not ok', async (_, bytes, end) => {
    answerWith(bytes, end)
    const { result, truncated } = await check('http.get')
    expect(result).toMatchObject({ reachable: true, status: 200, ok: false, body: null, unparsed: 1 })
    expect(result).toMatchObject({ error: expect.stringMatching(/aborted|no complete answer/) })
    expect(truncated).toBe(true)
    answerWith(bytes, end)
    const metrics = await check('metrics.scrape', { names: ['jobs'] })
    expect(metrics.result).toMatchObject({ reachable: true, rows: [], truncated: true })
    answerWith(bytes, end)
    expect(await post()).toMatchObject({ result: 'unknown' })
  })

  test('that switches to another protocol ends the request', async () => {
    const bytes = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
    answerWith(bytes, false)
    expect((await check('http.get')).result).toMatchObject({ reachable: true, status: 101, ok: false })
    answerWith(bytes, false)
    expect(await post()).toMatchObject({ result: 'unknown', observed: { status: 101 } })
  })
})
