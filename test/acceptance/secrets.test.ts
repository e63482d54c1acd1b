import { randomBytes } from 'node:crypto'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Client, Connection } from '@temporalio/client'
import { Queue } from 'bullmq'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, review, trigger, untilClosed, untilGate } from './operator.ts'
import { openWorld, workflowOf, type World } from './world.ts'

/** Secrets that exist only in this test, by the place where each is planted. No other place may contain one. */
const planted: Record<string, string> = {}
/**
 * Values that no rule redacts, by the place where each is planted. The search must find them; otherwise the search
 * itself does not work.
 */
const control: Record<string, string> = {}

function plant(place: string, canaries = planted): string {
  return (canaries[place] = `canary${randomBytes(9).toString('hex')}`)
}

const RUNBOOK = `
version: 1
runbook: leak
incident: leak
title: All data that is read contains a secret
owner: platform-engineering
inputs: { run: { type: string }, hash: { type: string } }
key: leak/\${{ inputs.run }}
symptom: size(row.rows) > 0
diagnose:
  row:
    check: sql.query
    with:
      connection: maestro-db
      sql: |
        SELECT id, status, failure_reason, input->>'email' AS email, input AS nested, input->>'note' AS note,
          input->>'city' AS city FROM runs WHERE id = $1 AND status = 'FAILED' AND failure_reason <> 'seen'
      params: ["\${{ inputs.run }}"]
      columns: { id: string, status: string, failure_reason: string?, email: string?, nested: dyn, note: string?, city: string? }
  open:
    check: sql.query
    with: { connection: open-db, sql: "SELECT input->>'open' AS email FROM runs WHERE id = $1", params: ["\${{ inputs.run }}"], columns: { email: string? } }
  hash:
    check: redis.read
    with: { connection: maestro-queue, command: HGETALL, args: ["\${{ inputs.hash }}"] }
  jobs:
    check: bullmq.jobs
    with: { connection: maestro-queue, ids: [canary-job] }
  logs:
    check: logs.search
    with: { connection: maestro-logs, where: { run: "\${{ inputs.run }}" } }
  web:
    check: http.get
    with: { connection: echo, path: /echo }
    timeout: 3s
  lockedDatabase:
    check: sql.query
    with: { connection: locked-db, sql: SELECT 1 AS n, columns: { n: int } }
    timeout: 3s
  lockedQueue:
    check: redis.read
    with: { connection: locked-redis, command: GET, args: [x] }
    timeout: 3s
causes:
  - cause: row-found
    title: The row with secrets was found
    affects: row.rows
    because: "\${{ row.rows.map(r, r.note.orElse('')).join(' ') }}"
    remedy: forget
otherwise: escalate
remedies:
  forget:
    title: Mark the row as seen
    risk: medium
    for: run
    key: \${{ run.id }}
    do:
      - action: notify
        with: { channel: platform-support, message: "\${{ run.email.orElse('') }} \${{ run.note.orElse('') }} \${{ run.city.orElse('') }}" }
      - action: process.run
        with: { connection: leaky, command: environment, idempotent: true }
      - action: process.run
        with: { connection: leaky, command: complains, idempotent: true }
      - action: sql.update
        with:
          connection: maestro-db
          table: runs
          where: { id: "\${{ run.id }}", status: FAILED }
          set: { failure_reason: seen, current_step: seen }
      - action: bullmq.quarantine
        with: { connection: maestro-queue, id: canary-job }
      - action: http.request
        with: { connection: echo, method: POST, path: /echo }
    limits: { maxTargets: 1 }
    approval: { by: [oncall], within: 15m, onTimeout: escalate }
    verify:
      checks:
        after:
          check: sql.query
          with: { connection: maestro-db, sql: "SELECT id FROM runs WHERE id = $1 AND failure_reason = 'seen'", params: ["\${{ inputs.run }}"], columns: { id: string } }
      until: size(after.rows) > 0
      holds: 100ms
      every: 100ms
      within: 20s
escalate: { to: [platform-support], message: "\${{ size(row.rows) }} left" }
`

const RUN = 'run-canary'
const inputs = () => ({ run: RUN, hash: `${world.installation.env.MAESTRO_PREFIX}:queue:canary` })
let world: World
let echo: Server
let incident: string

beforeAll(async () => {
  const stack = inject('stack')
  const header = plant('a header of a connection')
  const basic = plant('the password in the address of a connection of kind http')
  const body = { email: plant('a field of an answer'), city: plant('an answer', control) }
  echo = createServer((request, response) => {
    response.setHeader('content-type', 'application/json')
    const { 'x-api-key': key, authorization } = request.headers
    response.end(
      JSON.stringify({ ...body, received: `${String(key)} and ${authorization}`, deep: [{ Email: body.email }] }),
    )
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const locked = new URL(stack.postgresUrl)
  locked.username = 'nobody'
  locked.password = plant('the password of a login that PostgreSQL refuses')
  const lockedRedis = new URL(stack.redisUrl)
  lockedRedis.username = 'nobody'
  lockedRedis.password = plant('the password of a login that Redis refuses')
  world = await openWorld(stack, {
    runbooks: { 'leak.yaml': RUNBOOK },
    env: {
      CANARY_HEADER: header,
      CANARY_URL: `http://probe:${basic}@127.0.0.1:${(echo.address() as AddressInfo).port}`,
      CANARY_LOCKED_DB: locked.href,
      CANARY_LOCKED_REDIS: lockedRedis.href,
      CANARY_COMMAND_TOKEN: plant('a variable that a command receives and prints'),
      CANARY_UNUSED: plant('a variable that no connection uses'),
    },
    configure(config) {
      config.setIn(['connections', 'maestro-db', 'redact'], ['email', 'failure_reason'])
      config.setIn(['connections', 'open-db'], { kind: 'postgres', read: '${MAESTRO_DB_READ}' })
      config.setIn(['connections', 'echo'], {
        kind: 'http',
        url: '${CANARY_URL}',
        headers: { 'X-Api-Key': '${CANARY_HEADER}' },
        redact: ['email'],
      })
      config.setIn(['connections', 'locked-db'], { kind: 'postgres', read: '${CANARY_LOCKED_DB}' })
      config.setIn(['connections', 'locked-redis'], { kind: 'redis', read: '${CANARY_LOCKED_REDIS}' })
      config.setIn(['connections', 'leaky'], {
        kind: 'process',
        env: ['CANARY_COMMAND_TOKEN'],
        commands: { environment: ['env'], complains: ['node', '-e', 'console.error(process.env)'] },
      })
    },
  })
}, 240_000)

afterAll(async () => {
  await world?.close()
  echo?.close()
})

test('an incident with 29 planted secrets is resolved, and no secret appears outside the place where it was planted', async () => {
  for (const name of CREDENTIALS) planted[name] = secretPart(world.installation.env[name]!)
  await plantData()
  incident = await trigger(world, 'leak', inputs())
  await approve(world, incident, await untilGate(world, incident))
  const closed = await untilClosed(world, incident)
  expect(closed).toMatchObject({ outcome: 'resolved' })
  expect(closed.rounds[0]!.effects.map(({ result }) => result)).toEqual(Array.from({ length: 6 }, () => 'applied'))

  const places = await everyPlace()
  expect(Object.keys(planted)).toHaveLength(29)
  expect(found(planted, places)).toEqual([])
  // The same search must find the values that no rule redacts.
  for (const [where, canary] of Object.entries(control)) {
    const foundIn = Object.keys(places).filter((place) => places[place]!.includes(canary))
    expect(foundIn, where).toEqual(expect.arrayContaining(['the engine’s database', 'the API', 'Temporal']))
  }
})

/** Variables in `.runbook/env` that the installation creates and that contain a secret. */
const CREDENTIALS = [
  'RUNBOOK_OWNER_URL',
  'RUNBOOK_DATABASE_URL',
  'RUNBOOK_SIGNING_KEY',
  'RUNBOOK_TOKEN',
  'RUNBOOK_LEAD',
  'SLACK_WEBHOOK',
  'MAESTRO_DATABASE_URL',
  'MAESTRO_DB_READ',
  'MAESTRO_DB_WRITE',
  'MAESTRO_REDIS_READ',
  'MAESTRO_REDIS_WRITE',
]

function secretPart(value: string): string {
  const url = URL.canParse(value) && value.includes('//') ? new URL(value) : undefined
  return decodeURIComponent(url?.password || url?.pathname || value)
}

/** Plants secrets in the data that the incident reads: in fields that a rule redacts, and in texts that quote a credential. */
async function plantData(): Promise<void> {
  const { env, root } = world.installation
  const note = [
    `could not connect to postgres://svc:${plant('a text with an address')}@db.internal/app`,
    `then with token=${plant('a text with a token')}`,
    `then with Authorization: Bearer ${plant('a text with a header')}`,
    // The engine knows its own credentials and must redact them wherever they are quoted, without a keyword before them.
    `then as ${planted.MAESTRO_DB_READ} and ${planted['a header of a connection']}`,
  ].join(', ')
  const input = {
    email: plant('a column'),
    contact: { Email: plant('a field within a column') },
    note,
    city: plant('a column', control),
    open: plant('a column of a connection without a rule', control),
  }
  await world.maestro.query(
    `INSERT INTO runs (id, workflow, status, current_step, failure_reason, input) VALUES ($1, 'thumbnail', 'FAILED', $2, $3, $4)`,
    [
      RUN,
      `asked for token=${plant('a text in a column that a remedy changes')}`,
      plant('a column that a remedy changes'),
      { ...input, open: input.open },
    ],
  )
  const prefix = env.MAESTRO_PREFIX!
  const redis = new Redis(inject('stack').redisUrl)
  await redis.hset(`${prefix}:queue:canary`, { email: plant('a field of a hash'), city: plant('a hash', control) })
  const { hostname, port, username, password } = new URL(inject('stack').redisUrl)
  const queue = new Queue('queue', { prefix, connection: { host: hostname, port: Number(port), username, password } })
  const data = { email: plant('the data of a job'), city: plant('a job', control) }
  await queue.add('step', data, { jobId: 'canary-job', delay: 3_600_000 })
  await queue.close()
  const reason = `401 from redis://svc:${plant('the reason why a job failed')}@cache.internal`
  await redis.hset(`${prefix}:queue:canary-job`, { failedReason: reason })
  redis.disconnect()
  const line = {
    time: new Date().toISOString(),
    level: 'info',
    run: RUN,
    email: plant('a log line'),
    msg: plant('a log line', control),
  }
  writeFileSync(join(root, '.runbook/maestro/logs/canary.jsonl'), `${JSON.stringify(line)}\n`)
}

function found(canaries: Record<string, string>, places: Record<string, string>): string[] {
  return Object.entries(canaries).flatMap(([where, canary]) =>
    Object.entries(places).flatMap(([place, text]) => {
      const at = text.indexOf(canary)
      return at < 0 ? [] : [`${where}: in ${place}: …${text.slice(Math.max(0, at - 80), at)}`]
    }),
  )
}

async function everyPlace(): Promise<Record<string, string>> {
  return {
    'the engine’s database': await tablesOf(world.engine, 'runbook'),
    'the ledger': await tablesOf(world.maestro, 'runbook_ledger'),
    'keys of our scripts in Redis': await redisKeys(),
    'the API': await apiAnswers(),
    'output of commands': await commandOutput(),
    'the engine’s logs': engineLogs(),
    'Slack messages': world.slack.messages.join('\n'),
    Temporal: await temporalHistories(),
    'arguments of processes': execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8', maxBuffer: 2 ** 24 }),
  }
}

async function tablesOf(pool: World['engine'], schema: string): Promise<string> {
  const tables = await pool.query<{ name: string }>(
    'SELECT table_name AS name FROM information_schema.tables WHERE table_schema = $1',
    [schema],
  )
  const texts: string[] = []
  for (const { name } of tables.rows) {
    const { rows } = await pool.query<{ row: string }>(`SELECT t::text AS row FROM ${schema}."${name}" t`)
    texts.push(...rows.map(({ row }) => row))
  }
  return texts.join('\n')
}

async function redisKeys(): Promise<string> {
  const redis = new Redis(inject('stack').redisUrl)
  const keys = await redis.keys(`${world.installation.env.MAESTRO_PREFIX}:*runbook*`)
  const values = await Promise.all(keys.map((key) => redis.get(key).catch(() => '')))
  redis.disconnect()
  return [...keys, ...values].join('\n')
}

async function apiAnswers(): Promise<string> {
  const { RUNBOOK_URL, RUNBOOK_TOKEN } = world.installation.env
  const { evidence } = await review(world, incident)
  const paths = [
    '/v1/incidents',
    `/v1/incidents/${incident}`,
    ...['md', 'html', 'json'].map((form) => `/v1/incidents/${incident}/review.${form}`),
    ...evidence.map(({ ref }) => `/v1/incidents/${incident}/evidence/${ref}`),
    '/v1/gates',
    '/v1/runbooks',
    '/v1/runbooks/leak',
    '/openapi.json',
    '/healthz',
    '/readyz',
    '/metrics',
    '/v1/no-such-thing',
  ]
  const answers = await Promise.all(
    paths.map(async (path) => {
      const answer = await fetch(RUNBOOK_URL + path, { headers: { authorization: `Bearer ${RUNBOOK_TOKEN}` } })
      return `${JSON.stringify([...answer.headers])}\n${await answer.text()}`
    }),
  )
  return [...answers, await eventStream()].join('\n')
}

/** Reads the event stream up to the event that closes the incident. */
async function eventStream(): Promise<string> {
  const { RUNBOOK_URL, RUNBOOK_TOKEN } = world.installation.env
  const abort = new AbortController()
  const answer = await fetch(`${RUNBOOK_URL}/v1/incidents/${incident}/events`, {
    headers: { authorization: `Bearer ${RUNBOOK_TOKEN}` },
    signal: abort.signal,
  })
  let text = ''
  for await (const chunk of answer.body!) {
    text += Buffer.from(chunk as Uint8Array).toString()
    if (text.includes('"closed"')) break
  }
  abort.abort()
  return text
}

async function commandOutput(): Promise<string> {
  const commands = [
    ['show', incident],
    ['show', incident, '-o', 'json'],
    ['watch', incident],
    ['review', incident],
    ['review', incident, '--format', 'json'],
    ['review', incident, '--format', 'html'],
    ['list'],
    ['doctor'],
    ['lint'],
    ['preview', 'leak', ...Object.entries(inputs()).flatMap(([name, value]) => ['--input', `${name}=${value}`])],
    ['audit', 'verify'],
  ]
  const texts: string[] = []
  for (const argv of commands) {
    const { out, err } = await world.runbook(argv)
    texts.push(`${argv.join(' ')}\n${out}\n${err}`)
  }
  return texts.join('\n')
}

/** The engine's logs. Maestro's logs are excluded, because a secret was planted there. */
function engineLogs(): string {
  const folder = join(world.installation.root, '.runbook/logs')
  return readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n')
}

/** The workflow's history with payloads, failures and headers, and its search attributes, memo and summary. */
async function temporalHistories(): Promise<string> {
  const { env } = world.installation
  const connection = await Connection.connect({ address: env.TEMPORAL_ADDRESS! })
  const client = new Client({ connection, namespace: env.TEMPORAL_NAMESPACE! })
  const texts: string[] = []
  try {
    const { workflowId, runId } = await workflowOf(world, incident)
    const handle = client.workflow.getHandle(workflowId, runId)
    const description = await handle.describe()
    texts.push(toText(description.raw), toText(await handle.fetchHistory()))
  } finally {
    await connection.close()
  }
  return texts.join('\n')
}

/** Converts to JSON text. Appends the decoded form of strings that look like base64, because these messages contain bytes as base64. */
function toText(value: unknown): string {
  const isBytes = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
  return JSON.stringify(value, (_, item: unknown) => {
    if (typeof item === 'bigint') return String(item)
    if (item instanceof Uint8Array) return Buffer.from(item).toString('utf8')
    return typeof item === 'string' && isBytes.test(item)
      ? `${item} ${Buffer.from(item, 'base64').toString('utf8')}`
      : item
  })
}
