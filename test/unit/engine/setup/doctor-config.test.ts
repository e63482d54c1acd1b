import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { doctorConfig } from '../../../../src/engine/setup/doctor-config.ts'
import { searchFindings, temporalFinding, workerFinding } from '../../../../src/engine/setup/doctor-temporal.ts'
import { accessOf } from '../../../../src/temporal/temporal-status.ts'

const GOOD = `version: 1
runbook: good
incident: good
title: Good
key: good
diagnose:
  home: { check: http.get, with: { connection: web, path: / } }
causes:
  - { cause: down, title: It is down, when: "!home.ok", because: it does not answer, remedy: none }
escalate: { to: [oncall], message: please look }
`

/** Runs doctor in a folder with these runbooks and a configuration whose servers do not run. */
async function examine(runbooks: Record<string, string>, web = 'http://127.0.0.1:9') {
  const cwd = mkdtempSync(join(tmpdir(), 'doctor-'))
  onTestFinished(() => rmSync(cwd, { recursive: true }))
  mkdirSync(join(cwd, 'runbooks'))
  for (const [name, text] of Object.entries(runbooks)) writeFileSync(join(cwd, 'runbooks', name), text)
  writeFileSync(
    join(cwd, 'runbook.config.yaml'),
    `database: \${RUNBOOK_DATABASE_URL}
temporal: { taskQueue: runbook, address: "127.0.0.1:9" }
runbooks: [runbooks]
connections: { web: { kind: http, url: "\${WEB_URL}" } }
people: { me: { token: "\${TOKEN}", groups: [oncall] } }
signing: { key: "\${RUNBOOK_SIGNING_KEY}" }
channels: { oncall: { slack: "\${SLACK}" } }
`,
  )
  const env = { RUNBOOK_DATABASE_URL: 'postgres://u:hidden-password@127.0.0.1:9/db', WEB_URL: web }
  const findings = await doctorConfig({ cwd, env, workerExpected: false, start: '"npm start"' })
  return (name: string) => findings.filter((one) => one.name === name)
}

test('a broken runbook is named with its first problem; the others are counted', async () => {
  const found = await examine({ 'good.yaml': GOOD, 'broken.yaml': GOOD.replace('http.get', 'http.gte') })
  expect(found('runbooks')).toEqual([
    { name: 'runbooks', ok: true, detail: '1 runbook: good' },
    {
      name: 'runbooks',
      ok: false,
      detail: expect.stringMatching(/^not loaded: runbooks\/broken\.yaml:7:\d+: .*http\.gte/),
      fix: expect.stringContaining('runbook lint'),
    },
  ])
})

test('a server that does not answer is reported without the hint to run doctor and without a password', async () => {
  const found = await examine({ 'good.yaml': GOOD })
  const [database] = found('engine database')
  expect(database).toMatchObject({ ok: false, detail: expect.stringContaining('ECONNREFUSED') })
  const [temporal] = found('engine Temporal')
  expect(temporal).toMatchObject({ ok: false, detail: expect.stringMatching(/127\.0\.0\.1:9 .*ECONNREFUSED/) })
  expect(`${database?.detail} ${temporal?.detail}`).not.toMatch(/runbook doctor|hidden-password/)
})

test('a diagnosed service is requested: its status is shown, and a service that is down is a warning', async () => {
  const server = createServer((_, response) => void response.writeHead(404).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  const up = await examine({ 'good.yaml': GOOD }, url)
  expect(up('connection web')).toEqual([
    { name: 'connection web', ok: true, detail: `answers: HTTP 404 for GET ${url}` },
  ])
  const down = await examine({ 'good.yaml': GOOD })
  expect(down('connection web')).toMatchObject([
    { ok: true, warning: true, detail: expect.stringMatching(/^does not answer: .*ECONNREFUSED/) },
  ])
})

test('a queue that no worker polls is an error where a worker is expected, and a warning elsewhere', () => {
  const queues = [
    { queue: 'runbook-diagnose', workers: ['7@here'] },
    { queue: 'runbook-remediate', workers: [] },
  ]
  expect(workerFinding({ queues }, true, '"npm start"')).toMatchObject({
    ok: false,
    detail: 'no worker polls runbook-remediate: incidents wait until a worker runs',
  })
  expect(workerFinding({ queues }, false, '"npm start"')).toMatchObject({ ok: true, warning: true })
  const polled = queues.map(({ queue }) => ({ queue, workers: ['7@here'] }))
  expect(workerFinding({ queues: polled }, true, '"npm start"')).toEqual({
    name: 'worker',
    ok: true,
    detail: '7@here polls runbook-diagnose, runbook-remediate',
  })
})

test('a channel whose address is not set is a warning: nobody would be notified', async () => {
  const found = await examine({ 'good.yaml': GOOD })
  expect(found('escalation oncall')).toEqual([
    {
      name: 'escalation oncall',
      ok: true,
      warning: true,
      detail: 'the address of its channel is not set (SLACK), so nobody is notified',
      fix: 'set it in the environment or in .runbook/env',
    },
  ])
})

const finding = (address: string, options: Parameters<typeof accessOf>[1]) =>
  temporalFinding({ address, namespace: 'default', access: accessOf(address, options) })

test('an open Temporal is a warning when other machines can reach it, and is only mentioned on this machine', () => {
  expect(finding('temporal.internal:7233', {})).toMatchObject({
    ok: true,
    warning: true,
    detail: expect.stringContaining(
      'no TLS, no API key or client certificate: unless the network prevents it, anybody',
    ),
    fix: expect.stringContaining('TEMPORAL_API_KEY'),
  })
  expect(finding('temporal.internal:7233', { tls: true })).toMatchObject({ warning: true })
  for (const address of ['127.0.0.1:7233', 'localhost:7233', '[::1]:7233']) {
    expect(finding(address, {}).warning).toBeUndefined()
    expect(finding(address, {}).detail).toContain('every process on this machine may use it')
  }
  const certificate = { crt: Buffer.from(''), key: Buffer.from('') }
  for (const options of [{ tls: { clientCertPair: certificate } }, { apiKey: 'x' }])
    expect(finding('temporal.internal:7233', options)).toEqual({
      name: 'engine Temporal',
      ok: true,
      detail: 'answers on temporal.internal:7233, namespace default; TLS, with a credential',
    })
})

test('search attributes that cannot be registered are mentioned', () => {
  expect(searchFindings({ namespace: 'n', missingSearchAttributes: [] })).toEqual([])
  expect(searchFindings({ namespace: 'n', missingSearchAttributes: undefined })[0]!.detail).toContain('does not let')
  expect(searchFindings({ namespace: 'n', missingSearchAttributes: ['A'] })[0]!.detail).toContain(
    'no search attribute A',
  )
})
