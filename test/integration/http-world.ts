import { NO_POLICY } from '../../src/core/policy.ts'
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import type { Config } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load-config.ts'
import type { Current } from '../../src/core/current.ts'
import type { Finding } from '../../src/core/incident.ts'
import type { Proposal, ProposedAction } from '../../src/core/proposal.ts'
import type { Strength } from '../../src/core/strength.ts'
import { openEngine, type Engine } from '../../src/engine/engine.ts'
import { currentEngine, reload } from '../../src/engine/reload.ts'
import { provisionEngineDatabase } from '../../src/engine/setup/provision.ts'
import { newSigningKey } from '../../src/gate/keyring.ts'
import { openGate } from '../../src/gate/open-gate.ts'
import { storePlan } from '../../src/history/plans.ts'
import { planOf } from '../support/plan-of.ts'
import { registerNamespace } from '../support/namespace.ts'
import { startApi, type RunningApi } from '../../src/http/serve.ts'
import type { TestStack } from '../support/global-stack.ts'

const RUNBOOK = `version: 1
runbook: test-runs
incident: test-run
title: A run that a test made up
inputs:
  run: { type: string }
  threshold: { type: duration, default: 1h }
key: test-run/\${{ inputs.run }}
diagnose:
  seen:
    check: sql.query
    with: { connection: db, sql: SELECT 1 AS n, columns: { n: int } }
causes:
  - cause: anything
    title: Something was seen
    when: size(seen.rows) > 0
    because: \${{ size(seen.rows) }} rows
    remedy: none
escalate: { to: [platform], message: an operator must act }
`

const CONFIG = `database: \${RUNBOOK_DATABASE_URL}
temporal: { taskQueue: runbook }
runbooks: [runbooks]
connections:
  db: { kind: postgres, read: "\${DB_READ}", ledger: none }
people:
  operator: { token: "\${TOKEN_OPERATOR}", groups: [oncall] }
  lead: { token: "\${TOKEN_LEAD}", keys: KEYS, groups: [oncall, platform] }
  reader: { token: "\${TOKEN_READER}", groups: [] }
  viewer: { token: "\${TOKEN_VIEWER}", groups: [oncall], role: viewer }
signing: { key: "\${RUNBOOK_SIGNING_KEY}" }
requesterMayApprove: true
channels: { platform: { slack: "\${SLACK_WEBHOOK}" } }
alerts: ALERTS
auto: []
`

const PEOPLE = ['operator', 'lead', 'reader', 'viewer'] as const
export type PersonName = (typeof PEOPLE)[number]

/** An engine with a separate database and namespace, and its API on a free port. No worker runs, so nothing changes by itself. */
export interface HttpWorld {
  engine: Engine
  /** The folder with the configuration and `runbooks/`. */
  root: string
  /** The engine that the API uses: `engine`, or the engine with which `reload` replaced it. */
  current: Current<Engine>
  /** Reads the present configuration in `root`. */
  load(): Config
  /** Loads the files in `root` again, as a running process does after a change. */
  reload(): Promise<string | undefined>
  api: RunningApi
  /** The URL of the engine's database with the login of its processes. `superuserUrl` has a superuser's login. */
  databaseUrl: string
  superuserUrl: string
  /** The header that authenticates the operator. */
  authorization: { authorization: string }
  /** The bearer token of each person. */
  tokens: Record<PersonName, string>
  call(method: string, path: string, options?: CallOptions): Promise<Called>
  close(): Promise<void>
}

export interface CallOptions {
  /** The person who sends the request; null sends no token. */
  as?: PersonName | null
  token?: string
  body?: unknown
  headers?: Record<string, string>
}

export interface Called {
  status: number
  headers: Headers
  text: string
  json: any
}

export interface HttpWorldOptions {
  /** Runbooks in addition to the one of this file, by their file name. */
  runbooks?: Record<string, string>
  /** The public keys that the configuration registers for the lead. */
  leadKeys?: string[]
  /** YAML that is added under `connections`. */
  connections?: string
  /** YAML that is added to the configuration. */
  config?: string
  /** The rules under `alerts`, as YAML. */
  alerts?: string
  /** The port of the API. Default: a free one. */
  port?: number
  /** Environment variables in addition to the usual ones. */
  env?: Record<string, string>
}

export async function openHttpWorld(
  stack: TestStack,
  {
    runbooks = {},
    leadKeys = [],
    connections = '',
    config: more = '',
    alerts = '[]',
    env = {},
    port = 0,
  }: HttpWorldOptions = {},
): Promise<HttpWorld> {
  const name = `http_${randomBytes(4).toString('hex')}`
  const names = { database: name, owner: `${name}_owner`, application: `${name}_app` }
  const { applicationUrl } = await provisionEngineDatabase(stack.postgresUrl, names)
  const namespace = name.replace('_', '-')
  await registerNamespace(stack.temporalAddress, namespace)
  const root = mkdtempSync(join(tmpdir(), 'runbook-http-'))
  mkdirSync(join(root, 'runbooks'))
  writeFileSync(join(root, 'runbooks/test-runs.yaml'), RUNBOOK)
  for (const [file, text] of Object.entries(runbooks)) writeFileSync(join(root, 'runbooks', file), text)
  writeFileSync(
    join(root, 'runbook.config.yaml'),
    CONFIG.replace('people:\n', () => `${connections}people:\n`)
      .replace('KEYS', JSON.stringify(leadKeys))
      .replace('ALERTS', alerts) + more,
  )
  const tokens = Object.fromEntries(PEOPLE.map((person) => [person, randomBytes(16).toString('hex')])) as Record<
    PersonName,
    string
  >
  const environment = {
    ...env,
    RUNBOOK_DATABASE_URL: applicationUrl,
    RUNBOOK_SIGNING_KEY: newSigningKey(),
    TOKEN_OPERATOR: tokens.operator,
    TOKEN_LEAD: tokens.lead,
    TOKEN_READER: tokens.reader,
    TOKEN_VIEWER: tokens.viewer,
  }
  const load = () => {
    const config = loadConfig({ cwd: root, env: environment })
    return { ...config, temporal: { ...config.temporal, address: stack.temporalAddress, namespace } }
  }
  const engine = await openEngine(load())
  const current = currentEngine(engine)
  const api = await startApi(current, { host: '127.0.0.1', port })
  return {
    engine,
    root,
    current,
    load,
    reload: () => reload(current, load),
    api,
    databaseUrl: applicationUrl,
    superuserUrl: databaseOf(stack.postgresUrl, name),
    authorization: { authorization: `Bearer ${tokens.operator}` },
    tokens,
    call: (method, path, options) => call(api.url, tokens, method, path, options),
    async close() {
      await api.close()
      await current.value.targets.close()
      await engine.close()
      rmSync(root, { recursive: true })
      await dropDatabase(stack.postgresUrl, names)
    },
  }
}

function databaseOf(url: string, database: string): string {
  const found = new URL(url)
  found.pathname = `/${database}`
  return found.href
}

async function call(
  url: string,
  tokens: Record<PersonName, string>,
  method: string,
  path: string,
  { as = 'operator', token, body, headers = {} }: CallOptions = {},
): Promise<Called> {
  const bearer = token ?? (as === null ? undefined : tokens[as])
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  const isJson = /^application\/(problem\+)?json/.test(response.headers.get('content-type') ?? '')
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson && text !== '' ? JSON.parse(text) : undefined,
  }
}

async function dropDatabase(superuserUrl: string, names: { database: string; owner: string; application: string }) {
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  await client.query(`DROP DATABASE ${names.database} WITH (FORCE)`)
  await client.query(`DROP ROLE ${names.application}`)
  await client.query(`DROP OWNED BY ${names.owner} CASCADE`)
  await client.query(`DROP ROLE ${names.owner}`)
  await client.end()
}

let runs = 0

/** Opens an incident and returns its id. */
export async function openIncident(world: HttpWorld): Promise<string> {
  runs += 1
  const opened = await world.call('POST', '/v1/incidents', {
    body: { type: 'test-run', inputs: { run: `run-${runs}` } },
  })
  return opened.json.incident
}

type GateChange = Partial<Pick<Proposal, 'title' | 'risk' | 'cause' | 'because' | 'targets' | 'affected'>> & {
  withinMs?: number
}

/** Opens a gate of the incident's first round, as a worker would. Returns the digest of its proposal. */
export async function openTestGate(
  { engine, superuserUrl }: HttpWorld,
  incident: string,
  count = 1,
  actions: ProposedAction[] = [],
  { withinMs = 60_000, ...change }: GateChange = {},
  strength?: Strength,
  others: Finding[] = [],
): Promise<string> {
  const { cause = 'anything' } = change
  const treated: Finding = { cause, title: 'Something was seen', holds: true, because: '1 rows' }
  const findings = [treated, ...others]
  const terms = {
    remedy: 'mend',
    title: 'Mend it',
    risk: 'low' as Proposal['risk'],
    cause,
    because: '1 rows',
    actions,
    targets: [
      // All these gates are of one remedy. Each gate has its own locks, otherwise the gates would wait for each other's leases.
      { key: 'a', item: null, lock: `${incident}/a` },
      { key: 'b', item: null, lock: `${incident}/b` },
    ],
    affected: 2,
    ...change,
    limits: { maxTargets: 20 },
    approval: {
      auto: false,
      by: ['oncall'],
      count,
      excludeRequester: change.risk === 'high',
      validForMs: 60_000,
      onTimeout: 'reject' as const,
      escalateTo: ['platform'],
      inPart: true,
      ...(strength === undefined ? {} : { strength }),
    },
  }
  const planDigest = await storePlan(engine.database, planOf(terms), 'made by hand')
  await setPlan(superuserUrl, incident, planDigest)
  const opened = await openGate(engine.database, {
    findings,
    withinMs,
    requesterExcluded: false,
    policy: NO_POLICY,
    proposal: { gate: `${incident}.r1`, incident, round: 1, planDigest, ...terms },
  })
  if (!opened.opened) throw new Error('the gate was not opened')
  return opened.proposalDigest
}

/** Stores another plan for the incident. The incident's own runbook proposes nothing, and a gate opens only for a plan with a remedy. */
async function setPlan(superuserUrl: string, incident: string, planDigest: string): Promise<void> {
  const client = new pg.Client({ connectionString: superuserUrl })
  await client.connect()
  await client.query('UPDATE runbook.incidents SET plan_digest = $2 WHERE id = $1', [incident, planDigest])
  await client.end()
}
