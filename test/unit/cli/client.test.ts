import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readAddress } from '../../../src/cli/address.ts'
import { Client } from '../../../src/cli/client.ts'
import type { TimelineEntry } from '../../../src/engine/views/view-types.ts'
import { fakeApi, sendProblem } from './fake-api.ts'

const entry = (seq: number, kind = 'check'): TimelineEntry => ({
  seq,
  at: '2026-03-14T03:10:40.000Z',
  actor: 'engine',
  kind,
  place: null,
  text: `event ${seq}`,
  data: {},
})

const asEvent = (one: TimelineEntry) => `id: ${one.seq}\nevent: ${one.kind}\ndata: ${JSON.stringify(one)}\n\n`

test('when no API answers, the message says where and how to start it', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await new Promise((resolve) => server.close(resolve))
  await expect(new Client({ url, token: 't' }).show('INC-1')).rejects.toMatchObject({
    code: 'RUNBOOK_UNREACHABLE',
    message: `the API at ${url} does not answer. Start it with "runbook up", or set RUNBOOK_URL to its address.`,
  })
})

test('a server that is not the API is reported as such', async () => {
  const { url } = await fakeApi({
    'GET /v1/incidents/INC-1': (_, response) =>
      void response.writeHead(404, { 'content-type': 'text/html' }).end('<h1>'),
    'GET /v1/incidents/INC-2': (_, response) =>
      void response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>'),
  })
  const client = new Client({ url, token: 't' })
  await expect(client.show('INC-1')).rejects.toThrow(`the server at ${url} is not the runbook API (HTTP 404)`)
  await expect(client.show('INC-2')).rejects.toThrow('is not the runbook API')
})

test('an error of the API is thrown with its code and message', async () => {
  const { url } = await fakeApi({
    'GET /v1/incidents/INC-1': (_, response) => sendProblem(response, 409, 'RUNBOOK_CONFLICT', 'INC-1 is closed'),
  })
  await expect(new Client({ url, token: undefined }).show('INC-1')).rejects.toMatchObject({
    name: 'RunbookError',
    code: 'RUNBOOK_CONFLICT',
    message: 'INC-1 is closed',
  })
})

test('the token is sent to the API, and not to an address it redirects to', async () => {
  const other = await fakeApi({})
  const { url, asked } = await fakeApi({
    'GET /v1/incidents/INC-1': (_, response) => void response.writeHead(302, { location: other.url }).end(),
  })
  await expect(new Client({ url, token: 'secret-token' }).show('INC-1')).rejects.toMatchObject({
    code: 'RUNBOOK_UNREACHABLE',
  })
  expect(asked[0]!.headers.authorization).toBe('Bearer secret-token')
  expect(other.asked).toEqual([])
})

test('a broken stream is reopened after the last event', async () => {
  let opened = 0
  const { url, asked } = await fakeApi({
    'GET /v1/incidents/INC-1/events': (_, response) => {
      opened += 1
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      if (opened > 1) return void response.end(asEvent(entry(3)) + asEvent(entry(4, 'closed')) + asEvent(entry(5)))
      response.write(`: hello\n\n${asEvent(entry(1))}${asEvent(entry(2)).slice(0, -1)}`)
      setTimeout(() => response.write('\n'), 5)
      setTimeout(() => response.destroy(), 20)
    },
  })
  const problems: (string | undefined)[] = []
  const seen: number[] = []
  const events = new Client({ url, token: 't' }).events('INC-1', new AbortController().signal, (reason) =>
    problems.push(reason),
  )
  for await (const { seq } of events) seen.push(seq)
  expect(seen).toEqual([1, 2, 3, 4])
  expect(problems).toEqual([expect.any(String), undefined])
  expect(asked.map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '2'])
})

test('the events end at once when they are aborted', async () => {
  const { url } = await fakeApi({
    'GET /v1/incidents/INC-1/events': (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(asEvent(entry(1)))
    },
  })
  const stopping = new AbortController()
  for await (const one of new Client({ url, token: 't' }).events('INC-1', stopping.signal, () => {})) {
    expect(one.seq).toBe(1)
    stopping.abort()
  }
})

test('an unknown incident is not requested again', async () => {
  const { url, asked } = await fakeApi({})
  const events = new Client({ url, token: 't' }).events('INC-9', new AbortController().signal, () => {})
  await expect(events.next()).rejects.toMatchObject({ code: 'RUNBOOK_NOT_FOUND' })
  expect(asked).toHaveLength(1)
})

test('a token is sent only to an address of the same source', () => {
  const project = mkdtempSync(join(tmpdir(), 'runbook-address-'))
  mkdirSync(join(project, '.runbook'))
  const file = (text: string) => writeFileSync(join(project, '.runbook/env'), text)
  file('RUNBOOK_URL=https://elsewhere.example\nRUNBOOK_TOKEN=from-file\n')
  expect(() => readAddress(project, { RUNBOOK_TOKEN: 'mine' })).toThrow(/the token was not sent/)
  expect(readAddress(project, { RUNBOOK_TOKEN: '' })).toMatchObject({ token: 'from-file' })
  expect(readAddress(project, { RUNBOOK_TOKEN: 'from-file' })).toMatchObject({ token: 'from-file' })
  // The token of the file is not sent to an address from the environment either.
  expect(readAddress(project, { RUNBOOK_URL: 'https://mine.example' }).token).toBeUndefined()
  expect(readAddress(project, { RUNBOOK_URL: 'https://elsewhere.example/' })).toMatchObject({ token: 'from-file' })
  file('RUNBOOK_TOKEN=from-file\n')
  expect(readAddress(project, {})).toMatchObject({ url: 'http://127.0.0.1:8080', token: undefined })
  expect(readAddress(project, { RUNBOOK_TOKEN: 'mine' })).toMatchObject({ token: 'mine' })
})

test('a token is sent unencrypted only within this machine, unless that is allowed', () => {
  const address = (url: string, more = {}) =>
    readAddress(tmpdir(), { RUNBOOK_URL: url, RUNBOOK_TOKEN: 'mine', ...more }).token
  for (const url of ['http://localhost:8080', 'http://127.9.9.9', 'http://[::1]:8080', 'https://runbook.example'])
    expect(address(url)).toBe('mine')
  for (const url of [
    'http://runbook.example',
    'http://10.0.0.7:8080',
    'http://127.0.0.1.example',
    'http://localhost.example',
  ])
    expect(() => address(url)).toThrow(/plain HTTP/)
  expect(address('http://10.0.0.7:8080', { RUNBOOK_PLAIN_HTTP: '1' })).toBe('mine')
  expect(readAddress(tmpdir(), { RUNBOOK_URL: 'http://runbook.example' }).token).toBeUndefined()
})

test('address and token come from the environment, else from .runbook/env of the project directory', () => {
  const project = mkdtempSync(join(tmpdir(), 'runbook-address-'))
  mkdirSync(join(project, '.runbook'))
  mkdirSync(join(project, 'runbooks/deep'), { recursive: true })
  writeFileSync(join(project, '.runbook/env'), 'RUNBOOK_URL=http://127.0.0.1:9000/\nRUNBOOK_TOKEN=from-file\n')
  const cwd = join(project, 'runbooks/deep')
  expect(readAddress(cwd, {})).toMatchObject({ url: 'http://127.0.0.1:9000', token: 'from-file' })
  const own = { RUNBOOK_URL: 'http://127.0.0.1:9000', RUNBOOK_TOKEN: 'mine' }
  expect(readAddress(cwd, own)).toMatchObject({ url: 'http://127.0.0.1:9000', token: 'mine' })
  expect(readAddress(tmpdir(), {}).token).toBeUndefined()
  expect(readAddress(tmpdir(), {})).toMatchObject({ url: 'http://127.0.0.1:8080', start: '"runbook up"' })
  expect(() => readAddress(cwd, { RUNBOOK_URL: 'ftp://x' })).toThrow('RUNBOOK_URL is not an http address: ftp://x')
})
