import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { downloadTemporal } from '../../../src/stack/temporal-download.ts'

const options = { version: '1.2.3', answerWithinMs: 30_000, silenceMs: 30_000, log: () => undefined }

let dir: string
let server: Server | undefined
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'download-'))
})
afterEach(async () => {
  server?.closeAllConnections()
  server?.close()
  await rm(dir, { recursive: true, force: true })
})

test('the program is extracted from the archive that the service names', async () => {
  const archive = await archiveOf('#!/bin/sh\necho temporal version 1.2.3\n')
  let asked = ''
  const service = await serve((request, response) => {
    if (request.url === '/archive') return response.end(archive)
    asked = request.url ?? ''
    return response.end(
      JSON.stringify({ archiveUrl: `http://${request.headers.host}/archive`, fileToExtract: 'temporal' }),
    )
  })
  const target = join(dir, 'cache/temporal')
  expect(await downloadTemporal(target, { ...options, service })).toBeNull()
  expect(execFileSync(target).toString()).toBe('temporal version 1.2.3\n')
  expect(asked).toMatch(/^\/temporal-cli\/v1\.2\.3\?arch=(amd64|arm64)&platform=\w+&format=tar\.gz$/)
  expect(await readdir(join(dir, 'cache'))).toEqual(['temporal'])
})

test('a service that does not answer is given up soon', async () => {
  const service = await serve(() => undefined)
  const failed = await downloadTemporal(join(dir, 'temporal'), { ...options, answerWithinMs: 100, service })
  expect(failed).toMatch(/^127\.0\.0\.1:\d+ did not answer within 0\.1 s$/)
  expect(await readdir(dir)).toEqual([])
})

test('a download that stops halfway is given up, and leaves no files', async () => {
  const service = await serve((request, response) => {
    if (request.url === '/archive') return response.writeHead(200, { 'content-length': '100000' }).write('x')
    return response.end(
      JSON.stringify({ archiveUrl: `http://${request.headers.host}/archive`, fileToExtract: 'temporal' }),
    )
  })
  const failed = await downloadTemporal(join(dir, 'temporal'), { ...options, silenceMs: 100, service })
  expect(failed).toBe('nothing arrived for 0.1 s')
  expect(await readdir(dir)).toEqual([])
})

test.each([
  ['a refusal', 403, '', /answered 403/],
  ['an answer without an address', 200, '{"archiveUrl":1}', /named no archive/],
  [
    'a file outside of the archive',
    200,
    '{"archiveUrl":"http://127.0.0.1:1/","fileToExtract":"../../x"}',
    /outside of the archive/,
  ],
  ['an empty answer', 200, '', /unpacked|JSON/],
])('%s is a reason, not an error', async (_name, status, body, reason) => {
  const service = await serve((_request, response) => response.writeHead(status).end(body))
  expect(await downloadTemporal(join(dir, 'temporal'), { ...options, service })).toMatch(reason)
})

test('without a route to the service the reason is returned at once', async () => {
  const service = 'http://127.0.0.1:1/temporal-cli'
  expect(await downloadTemporal(join(dir, 'temporal'), { ...options, service })).toMatch(/ECONNREFUSED|bad port/)
})

async function archiveOf(program: string): Promise<Buffer> {
  await writeFile(join(dir, 'temporal'), program, { mode: 0o644 })
  execFileSync('tar', ['-czf', 'archive.tar.gz', 'temporal'], { cwd: dir })
  return readFile(join(dir, 'archive.tar.gz'))
}

async function serve(answer: RequestListener): Promise<string> {
  const listening = createServer(answer)
  server = listening
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(listening.address() as AddressInfo).port}/temporal-cli`
}
