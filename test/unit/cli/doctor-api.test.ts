import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { doctorApi } from '../../../src/cli/doctor-api.ts'
import { fakeApi, sendProblem } from './fake-api.ts'

const FILES = { loadedAt: '2026-03-14T03:12:00.000Z', problems: [], restart: [] }
const READY = { status: 'ok', database: 'ok', temporal: 'ok' }

test('an API that is ready and accepts the token is ok', async () => {
  const { url, asked } = await fakeApi({
    'GET /readyz': () => READY,
    'GET /v1/controls': () => ({ controls: [] }),
    'GET /v1/runbooks': () => ({ runbooks: [], files: FILES }),
  })
  const findings = await doctorApi({ url, token: 'mine' }, true)
  expect(findings.map(({ name, ok, warning }) => [name, ok, warning])).toEqual([
    ['API', true, undefined],
    ['token', true, undefined],
    ['files of the API', true, undefined],
  ])
  expect(asked.map(({ headers }) => headers.authorization)).toEqual([undefined, 'Bearer mine', 'Bearer mine'])
})

test('an API of another installation is an error that names both engines, and gets no token', async () => {
  const { url, asked } = await fakeApi({ 'GET /readyz': () => ({ ...READY, engine: 'theirs' }) })
  const findings = await doctorApi({ url, token: 'mine' }, true, Promise.resolve('ours'))
  expect(findings).toMatchObject([
    { name: 'API', ok: false, detail: expect.stringMatching(/another installation: its engine is theirs.* ours$/) },
  ])
  expect(asked.map(({ headers }) => headers.authorization)).toEqual([undefined])
  for (const own of ['theirs', undefined])
    expect((await doctorApi({ url, token: undefined }, true, Promise.resolve(own)))[0]).toMatchObject({ ok: true })
})

test('an API that keeps older files because of errors is an error, and a setting that needs a restart is a warning', async () => {
  const files = { ...FILES, problems: ['runbooks/a.yaml:3:5: unknown field'], restart: ['database'] }
  const { url } = await fakeApi({
    'GET /readyz': () => READY,
    'GET /v1/controls': () => ({ controls: [] }),
    'GET /v1/runbooks': () => ({ runbooks: [], files }),
  })
  const findings = (await doctorApi({ url, token: 'mine' }, true)).filter(({ name }) => name === 'files of the API')
  expect(findings).toMatchObject([
    { ok: false, detail: expect.stringContaining('runbooks/a.yaml:3:5: unknown field') },
    { ok: true, warning: true, detail: expect.stringContaining('changed in database') },
  ])
})

test('a token that the API does not accept is an error; no token is a warning', async () => {
  const { url } = await fakeApi({
    'GET /readyz': () => READY,
    'GET /v1/controls': (_, response) =>
      sendProblem(response, 401, 'RUNBOOK_NOT_AUTHENTICATED', 'the token is not known'),
  })
  expect((await doctorApi({ url, token: 'other' }, true)).at(-1)).toMatchObject({ name: 'token', ok: false })
  expect((await doctorApi({ url, token: undefined }, true)).at(-1)).toMatchObject({ ok: true, warning: true })
})

test('an API that is not ready is an error that names what it cannot reach', async () => {
  const { url } = await fakeApi({
    'GET /readyz': (_, response) => {
      response.writeHead(503, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ status: 'not ready', database: 'does not answer', temporal: 'ok' }))
    },
  })
  expect(await doctorApi({ url, token: 't' }, false)).toEqual([
    { name: 'API', ok: false, detail: `answers at ${url}, but cannot reach the engine's database` },
  ])
})

test('another server at the address is an error', async () => {
  const { url } = await fakeApi({})
  expect(await doctorApi({ url, token: 't' }, false)).toMatchObject([
    { ok: false, detail: `the server at ${url} is not the runbook API (HTTP 404)` },
  ])
})

test('no API is an error where it should run, and a warning elsewhere', async () => {
  const url = 'http://127.0.0.1:9'
  const [finding] = await doctorApi({ url, token: 't', start: '"npm start"' }, true)
  expect(finding).toMatchObject({ name: 'API', ok: false, fix: expect.stringContaining('"npm start"') })
  expect(await doctorApi({ url, token: 't' }, false)).toMatchObject([{ ok: true, warning: true }])
})

test(
  'a server that accepts the connection and does not respond is an error after 4 s',
  { timeout: 15_000 },
  async () => {
    const silent = createServer((socket) => void socket.on('error', () => {}))
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void silent.close())
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    expect(await doctorApi({ url, token: 't' }, true)).toMatchObject([
      { ok: false, detail: `does not answer at ${url}: no answer within 4 s` },
    ])
  },
)
