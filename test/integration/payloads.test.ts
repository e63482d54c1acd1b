import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import { runCheck } from '../../activities/checks/run-check.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Json } from '../../src/core/json.ts'
import type { Plan } from '../../src/core/plan.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { loadCatalogue } from '../../src/engine/catalogue.ts'
import { renderParameters } from '../../src/interpreter/diagnose.ts'
import { scopeOf, type Scope } from '../../src/interpreter/scope.ts'
import { openTargets } from '../../src/targets/open-targets.ts'
import type { Targets } from '../../src/targets/targets.ts'
import {
  createEffectsWorld,
  depsFor,
  openTestGate,
  permits,
  pool,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'
import { BARE_PAYLOADS, MARK, PAYLOADS } from '../support/payloads.ts'
import { watchSql } from '../support/sent-sql.ts'
import { openHttpWorld, openTestGate as openHttpGate, type HttpWorld } from './http-world.ts'

const harmless = 'run-7'
/** Some payloads are sent at the same time. */
const CONCURRENCY = 6
const WITHOUT_LIMITS = { writesPerMinute: 100_000, failedLoginsPerMinute: 100_000, perIncident: 10_000 }
/** Texts that a proxy or an old server may take for a step to another path, such as `..`. */
const MISREAD = /\\|\.\.|%2e|%2f|%5c|%25|%c[01]|%u/i

test('there are 300 payloads, and each contains the name of the planted table', () => {
  expect(new Set(PAYLOADS).size).toBe(300)
  for (const payload of PAYLOADS) expect(payload).toContain(MARK)
})

test('the recorder detects a query that contains a value', async () => {
  const database = pool(inject('stack').postgresUrl)
  const sent = watchSql()
  for (const text of [harmless, MARK]) {
    await database.query(`SELECT '${text}'`)
    await database.query(`SELECT '${text}', $1::text`, [text])
    await database.query('SELECT $1::text', [text])
  }
  sent.stop()
  await database.end()
  expect([...sent.texts].filter((text) => text.includes(MARK))).toHaveLength(2)
  expect(sent.texts.size).toBe(5)
})

/** Creates the table that the payloads attack. Returns a function that reads it and lists all tables. */
async function plant(database: pg.Pool): Promise<() => Promise<unknown[]>> {
  await database.query(`CREATE TABLE ${MARK} (n integer)`)
  await database.query(`INSERT INTO ${MARK} VALUES (42)`)
  return async () => [
    ...(await database.query(`SELECT n FROM ${MARK}`)).rows,
    ...(await database.query('SELECT schemaname, tablename FROM pg_tables ORDER BY 1, 2')).rows,
  ]
}

describe('through the API', () => {
  let world: HttpWorld
  let database: pg.Pool
  beforeAll(async () => {
    // One person sends all requests of this file, so the limits per person are raised.
    world = await openHttpWorld(inject('stack'), { config: `limits: ${JSON.stringify(WITHOUT_LIMITS)}\n` })
    database = pool(world.superuserUrl)
  })
  afterAll(async () => {
    await database?.end()
    await world?.close()
  })

  /** Sends a text in every stored field of the API, or, with `everywhere`, in every field. Returns the statuses. */
  async function send(text: string, everywhere: boolean): Promise<number[]> {
    const { call } = world
    const inputs = { run: text }
    const opened = await call('POST', '/v1/incidents', { body: { type: 'test-run', inputs } })
    const id = opened.json.incident ?? 'INC-1'
    const at = `/v1/incidents/${id}`
    const header = /^[\x20-\x7e]+$/.test(text) ? { 'idempotency-key': text } : {}
    const proposalDigest = opened.json.created ? await openHttpGate(world, id) : '0'.repeat(64)
    const decide = (more: object) => call('POST', `${at}/decision`, { body: { proposalDigest, ...more } })
    const encoded = encodeURIComponent(text)
    const answers = [
      opened,
      await call('POST', `${at}/notes`, { body: { text } }),
      await decide({ decision: 'approve', targets: [text] }),
      await decide({ decision: 'approve', comment: text }),
    ]
    if (everywhere)
      answers.push(
        await call('POST', '/v1/incidents', { body: { type: 'test-run', inputs }, headers: header }),
        await call('POST', `${at}/settle`, { body: { action: text, target: text, result: 'applied', comment: text } }),
        await call('POST', `/v1/breakers/${encoded}/close`, { body: { reason: text } }),
        await call('GET', `/v1/incidents?type=${encoded}&limit=1`),
        await call('POST', '/v1/incidents', { body: { type: text } }),
        await call('POST', '/v1/incidents', { body: { type: 'test-run', inputs: { ...inputs, [text]: text } } }),
        await call('POST', '/v1/incidents', { body: { type: 'test-run', inputs: { run: harmless, threshold: text } } }),
        await decide({ decision: 'approve', gate: text }),
        await decide({ decision: text }),
        await decide({ decision: 'approve', breakGlass: `${text} and a reason that is long enough` }),
        await call('POST', `${at}/withdraw`, { body: { comment: text } }),
        await call('POST', `${at}/done`, { body: { done: true, action: text, form: { [text]: text } } }),
        await call('GET', `/v1/incidents/${encoded}`),
        await call('GET', `${at}/evidence/${encoded}`),
        await call('GET', `/v1/runbooks/${encoded}`),
        await call('GET', `/v1/incidents?cursor=${encoded}`),
        await call('GET', `${at}`, { as: null, token: /^[\x21-\x7e]+$/.test(text) ? text : 'x' }),
        await call('GET', `${at}/review.md`),
        await call('POST', `${at}/cancel`),
      )
    return answers.map(({ status }) => status)
  }

  test(
    'each payload is stored as text or refused; none is executed or becomes part of a query',
    { timeout: 240_000 },
    async () => {
      const readAll = await plant(database)
      const before = await readAll()
      expect(before[0]).toEqual({ n: 42 })
      const usual = watchSql()
      await send(harmless, true)
      usual.stop()
      const sent = watchSql()
      for (let i = 0; i < PAYLOADS.length; i += CONCURRENCY) {
        const some = PAYLOADS.slice(i, i + CONCURRENCY)
        const statuses = await Promise.all(some.map((payload, at) => send(payload, i + at < BARE_PAYLOADS)))
        for (const [at, payload] of some.entries()) {
          const why = `${JSON.stringify(payload)}: ${statuses[at]!.join(' ')}`
          expect(Math.max(...statuses[at]!), why).toBeLessThan(500)
          expect(statuses[at]![0], why).toBe(payload.includes('\0') ? 400 : 200)
        }
      }
      sent.stop()
      expect([...sent.texts].filter((text) => text.includes(MARK))).toEqual([])
      expect(usual.texts.size).toBeGreaterThan(10)
      // Refusals may need a few more statements; a query that contains a value would add one per payload.
      expect(sent.texts.size).toBeLessThan(usual.texts.size + 10)
      const kept = await database.query<{ body: string }>('SELECT body FROM runbook.notes')
      const storable = PAYLOADS.filter((payload) => !payload.includes('\0')).map((payload) => payload.trim())
      expect(new Set(kept.rows.map(({ body }) => body))).toEqual(new Set([harmless, ...storable]))
      expect(await readAll()).toEqual(before)
    },
  )
})

const RUNBOOK = `version: 1
runbook: every-kind
incident: every-kind
title: A value in every place
inputs: { text: { type: string } }
key: every-kind
diagnose:
  sql: { check: sql.query, with: { connection: db, sql: "SELECT $1::text AS said, $2::text[] AS list", params: ["\${{ inputs.text }}", "\${{ [inputs.text] }}"], columns: { said: string, list: list(string) } } }
  get: { check: redis.read, with: { connection: cache, command: GET, args: ["\${{ inputs.text }}"] } }
  hash: { check: redis.read, with: { connection: cache, command: HGET, args: ["known-hash", "\${{ inputs.text }}"] } }
  jobs: { check: bullmq.jobs, with: { connection: queue, ids: ["\${{ inputs.text }}"] } }
  page: { check: http.get, with: { connection: web, path: "/look/\${{ inputs.text }}" } }
  logs: { check: logs.search, with: { connection: logs, contains: ["\${{ inputs.text }}"], where: { run: "\${{ inputs.text }}" } } }
causes:
  - { cause: any, title: Any, because: "\${{ inputs.text }}", remedy: all }
remedies:
  all:
    title: Everything
    do:
      - action: sql.update
        with: { connection: db, table: runs, where: { id: "\${{ inputs.text }}", status: RUNNING }, set: { failure_reason: "\${{ inputs.text }}" } }
      - action: sql.execute
        with:
          connection: db
          sql: UPDATE runs SET status = $2 WHERE id = $1 AND failure_reason = $2
          params: ["\${{ inputs.text }}", "\${{ inputs.text }}"]
          preview: SELECT id, status FROM runs WHERE id = $1 AND failure_reason = $2
          tables: { runs: [update, select] }
      - { action: bullmq.retry, with: { connection: queue, id: "\${{ inputs.text }}" } }
      - { action: bullmq.quarantine, with: { connection: queue, id: "\${{ inputs.text }}" } }
      - { action: process.run, with: { connection: ctl, command: say, values: { word: "\${{ inputs.text }}" } } }
      - action: http.request
        with: { connection: web, method: POST, path: "/do/{name}", values: { name: "\${{ inputs.text }}" }, query: { q: "\${{ inputs.text }}" }, body: { text: "\${{ inputs.text }}" } }
      - { action: notify, with: { channel: platform, message: "\${{ inputs.text }}" } }
    limits: { maxTargets: 1 }
    approval: { by: [oncall], within: 15m }
    verify:
      checks:
        after: { check: sql.query, with: { connection: db, sql: SELECT 1 AS n, columns: { n: int } } }
      until: size(after.rows) > 0
      within: 1m
escalate: { to: [platform], message: "\${{ inputs.text }}" }
`

describe('through every check and action', () => {
  const prefix = `payloads-${process.pid}`
  const requests: { url: string; headers: IncomingMessage['headers']; body: string }[] = []
  const messages: string[] = []
  let dir: string
  let world: EffectsWorld
  let redis: Redis
  let targets: Targets
  let plan: Plan
  const service = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      requests.push({ url: request.url!, headers: request.headers, body })
      response.end('{}')
    })
  })

  beforeAll(async () => {
    const { postgresUrl, redisUrl } = inject('stack')
    world = await createEffectsWorld(postgresUrl)
    redis = new Redis(redisUrl)
    await redis.hset(`${prefix}:q:meta`, 'version', 'bullmq:6')
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve))
    dir = mkdtempSync(join(tmpdir(), 'payloads-'))
    writeFileSync(join(dir, 'logs.jsonl'), `${JSON.stringify({ run: harmless, message: harmless })}\n`)
    writeFileSync(join(dir, 'say.js'), `console.log(JSON.stringify(process.argv.slice(2)))`)
    writeFileSync(join(dir, 'every-kind.yaml'), RUNBOOK)
    writeFileSync(
      join(dir, 'runbook.config.yaml'),
      `database: \${DB}
runbooks: [every-kind.yaml]
connections:
  db: { kind: postgres, read: "\${DB}", write: "\${DB}" }
  cache: { kind: redis, read: "\${REDIS}", write: "\${REDIS}" }
  queue: { kind: bullmq, read: "\${REDIS}", write: "\${REDIS}", prefix: ${prefix}, queue: q }
  web: { kind: http, url: "\${WEB}" }
  ctl: { kind: process, cwd: ".", commands: { say: [${process.execPath}, say.js, --, "{word:word}"] } }
  logs: { kind: logs, files: ["*.jsonl"] }
channels: { platform: { slack: "\${SLACK}" } }
`,
    )
    const WEB = `http://127.0.0.1:${(service.address() as AddressInfo).port}/base`
    const config = loadConfig({ cwd: dir, env: { DB: world.writeUrl, REDIS: redisUrl, WEB } })
    const catalogue = await loadCatalogue(config)
    const loaded = catalogue.byName.get('every-kind')
    if (!loaded) throw new Error(catalogue.problems.map(({ message }) => message).join('\n'))
    plan = loaded.plan
    targets = openTargets(config)
  })
  afterAll(async () => {
    await targets?.close()
    const keys = (await redis?.keys(`${prefix}:*`)) ?? []
    await redis?.del(MARK, 'known-hash', ...keys)
    redis?.disconnect()
    service.closeAllConnections()
    service.close()
    await world?.close()
    if (dir) rmSync(dir, { recursive: true })
  })

  async function check(name: string, scope: Scope) {
    const { kind, with: values, timeoutMs } = plan.checks.find((one) => one.name === name)!
    return runCheck(
      { name, kind, parameters: renderParameters(values, scope), timeoutMs, retries: 0, place: `r1/check/${name}` },
      targets,
    )
  }

  /** Executes every action and returns the results; with `withPreview`, after a preview. A command always needs its preview. */
  async function act(
    scope: Scope,
    withPreview: boolean,
  ): Promise<Record<string, { result: string; observed: Json; summary: string }>> {
    const gate = await openTestGate(world)
    const deps = {
      ...depsFor(world, targets, permits().takePermit),
      notify: async (_: string, message: string) => {
        messages.push(message)
        return 'notified platform'
      },
    }
    const done: Record<string, { result: string; observed: Json; summary: string }> = {}
    for (const { id, kind, with: values } of plan.remedies.all!.actions) {
      const parameters = renderParameters(values, scope)
      const context = { targets, signal: AbortSignal.timeout(10_000) }
      const previewed = withPreview || kind === 'process.run'
      const preview = previewed ? await previewAction(kind, parameters, context) : { summary: '' }
      const request = requestFor(gate, kind, parameters, '-')
      const answer = await executeEffect({ ...request, action: { ...request.action, id, preview } }, deps)
      if (!('effect' in answer)) throw new Error(`${id}: ${JSON.stringify(answer)}`)
      done[kind] = { result: answer.effect.result, observed: answer.effect.observed ?? null, summary: preview.summary }
    }
    return done
  }

  async function useEverywhere(text: string, withPreview: boolean) {
    const scope = scopeOf(plan, { text })
    const stored = !text.includes('\0')
    if (stored) await world.owner.query(`INSERT INTO runs (id, status) VALUES ($1, 'RUNNING')`, [text])
    const found: Record<string, Awaited<ReturnType<typeof check>>> = {}
    for (const { name } of plan.checks) found[name] = await check(name, scope)
    return {
      stored,
      found,
      done: await act(scope, withPreview),
      calls: requests.splice(0),
      notified: messages.splice(0),
    }
  }

  test(
    'each payload stays a value or is refused; none is executed or becomes part of a query',
    { timeout: 300_000 },
    async () => {
      const readAll = await plant(world.owner)
      const before = await readAll()
      await redis.set(MARK, 'alive')
      await redis.hset('known-hash', { [harmless]: 'yes' })
      const usual = watchSql()
      const plain = await useEverywhere(harmless, true)
      usual.stop()
      expect(Object.values(plain.found).map(({ status }) => status)).toEqual(Array.from(plan.checks, () => 'ok'))
      expect(plain.done).toMatchObject({
        'sql.update': { result: 'applied' },
        'sql.execute': { result: 'applied' },
        'process.run': { result: 'applied' },
        'http.request': { result: 'applied' },
        notify: { result: 'applied' },
      })

      const sent = watchSql()
      let refusedPaths = 0
      for (const [i, payload] of PAYLOADS.entries()) {
        const { stored, found, done, calls, notified } = await useEverywhere(payload, i < BARE_PAYLOADS)
        const why = JSON.stringify(payload)
        // PostgreSQL cannot store a text with NUL, so for such a payload the check has failed and has no rows.
        if (stored) expect(found.sql?.result?.rows, why).toEqual([{ said: payload, list: [payload] }])
        else expect(found.sql?.status, why).toBe('failed')
        expect(found.hash?.status === 'ok' && found.hash.result?.value !== null, why).toBe(false)
        expect([done['sql.update']?.result, done['sql.execute']?.result], why).toEqual(
          stored ? ['applied', 'applied'] : ['refused', 'refused'],
        )
        expect(done['bullmq.retry']?.result, why).toBe('refused')
        expect(done['bullmq.quarantine']?.result, why).toBe('refused')
        const isWord = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(payload)
        expect(done['process.run']?.result, why).toBe(isWord ? 'applied' : 'refused')
        if (isWord) expect(JSON.stringify(done['process.run']?.observed), why).toContain(payload)
        expect(notified, why).toEqual([payload])
        for (const { summary } of Object.values(done)) expect(summary, why).not.toMatch(/[\p{Cc}\p{Bidi_Control}]/u)

        const does = calls.filter(({ url }) => url.startsWith('/base/do/'))
        const looks = calls.filter(({ url }) => url.startsWith('/base/look/'))
        expect(does.length + looks.length, why).toBe(calls.length)
        expect(
          calls.flatMap(({ headers }) => Object.keys(headers)).filter((name) => name.includes(MARK)),
          why,
        ).toEqual([])
        expect(looks.length, why).toBeLessThanOrEqual(1)
        if (done['http.request']?.result === 'refused') {
          expect(payload, why).toMatch(MISREAD)
          expect(does, why).toEqual([])
          refusedPaths += 1
          continue
        }
        expect(does.length, why).toBe(1)
        const url = new URL(does[0]!.url, 'http://x')
        expect(decodeURIComponent(url.pathname.slice('/base/do/'.length)), why).toBe(payload)
        expect(url.searchParams.get('q'), why).toBe(payload)
        expect(JSON.parse(does[0]!.body), why).toEqual({ text: payload })
      }
      sent.stop()
      expect(refusedPaths).toBeLessThan(PAYLOADS.length / 3)
      expect([...sent.texts].filter((text) => text.includes(MARK))).toEqual([])
      expect(sent.texts.size).toBeLessThan(usual.texts.size + 20)
      const runs = await world.owner.query<{ id: string; status: string; failure_reason: string; changes: number }>(
        'SELECT id, status, failure_reason, changes FROM runs',
      )
      expect(runs.rows).toHaveLength(1 + PAYLOADS.filter((payload) => !payload.includes('\0')).length)
      for (const { id, status, failure_reason: reason, changes } of runs.rows)
        expect([status, reason, changes], id).toEqual([id, id, 2])
      expect(await redis.get(MARK)).toBe('alive')
      expect(existsSync(join(dir, MARK))).toBe(false)
      expect(existsSync(MARK)).toBe(false)
      expect(await readAll()).toEqual(before)
    },
  )
})
