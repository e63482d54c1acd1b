import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import pg from 'pg'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { previewAction } from '../../activities/preview-action.ts'
import { ACTION_IMPLEMENTATIONS } from '../../activities/actions/action-table.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import type { EffectDeps, EffectRequest } from '../../src/effects/request.ts'
import { prepareLedger } from '../../src/effects/prepare-ledger.ts'
import type { PermitAnswer, PermitRequest, TakePermit } from '../../src/gate/permit-request.ts'
import { migrateHistory } from '../../src/history/migrate.ts'
import type { BullmqTarget, PostgresTarget, Targets } from '../../src/targets/targets.ts'

/**
 * An engine database and a diagnosed database for one test file, with the same roles as in production: the application role of the
 * engine, and a write role with rights on named columns of the diagnosed database.
 */
export interface EffectsWorld {
  name: string
  /** A pool on the engine's database, connected as the application role. */
  engine: pg.Pool
  engineOwner: pg.Pool
  /** A pool on the diagnosed database, connected as its owner. */
  owner: pg.Pool
  /** A pool on the diagnosed database, connected as the engine's write role. */
  write: pg.Pool
  writeUrl: string
  ownerUrl: string
  close(): Promise<void>
}

const COLUMNS = ['status', 'failure_reason', 'attempt', 'updated_at']

export async function createEffectsWorld(superUrl: string): Promise<EffectsWorld> {
  const name = `effects_${randomBytes(4).toString('hex')}`
  const admin = new pg.Pool({ connectionString: superUrl, max: 1 })
  const [engineDb, targetDb, appRole, writeRole] = ['engine', 'target', 'app', 'write'].map((part) => `${name}_${part}`)
  await admin.query(`CREATE DATABASE ${engineDb}`)
  await admin.query(`CREATE DATABASE ${targetDb}`)
  const [engineUrl, ownerUrl] = [at(superUrl, engineDb!), at(superUrl, targetDb!)]
  await migrateHistory(engineUrl)
  await admin.query(`CREATE ROLE ${appRole} LOGIN PASSWORD 'app' IN ROLE runbook_application`)
  await admin.query(`CREATE ROLE ${writeRole} LOGIN PASSWORD 'write'`)
  const owner = pool(ownerUrl)
  await owner.query(`CREATE TABLE runs (id text PRIMARY KEY, status text NOT NULL CHECK (status <> 'BAD'), failure_reason text,
    attempt integer NOT NULL DEFAULT 1, changes integer NOT NULL DEFAULT 0, updated_at timestamptz NOT NULL DEFAULT clock_timestamp())`)
  // The trigger counts changes, so that a test detects a change that was applied twice.
  await owner.query(`CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN NEW.changes := OLD.changes + 1; RETURN NEW; END'`)
  await owner.query(`CREATE TRIGGER count_change BEFORE UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION count_change()`)
  await owner.query(`GRANT SELECT (id, ${COLUMNS.join(', ')}), UPDATE (${COLUMNS.join(', ')}) ON runs TO ${writeRole}`)
  await prepareLedger(ownerUrl, writeRole!)
  const engine = pool(at(superUrl, engineDb!, appRole, 'app'))
  const engineOwner = pool(engineUrl)
  const writeUrl = at(superUrl, targetDb!, writeRole, 'write')
  const write = pool(writeUrl)
  return {
    name,
    engine,
    engineOwner,
    owner,
    ownerUrl,
    write,
    writeUrl,
    async close() {
      await Promise.all([engine, engineOwner, owner, write].map((one) => one.end()))
      for (const database of [engineDb, targetDb]) await admin.query(`DROP DATABASE ${database} WITH (FORCE)`)
      for (const role of [appRole, writeRole]) await admin.query(`DROP ROLE ${role}`)
      await admin.end()
    },
  }
}

/** The URL of another database on the same server, optionally with another role. */
function at(superUrl: string, database: string, role?: string, password?: string): string {
  const url = new URL(superUrl)
  url.pathname = `/${database}`
  if (role) url.username = role
  if (password) url.password = password
  return url.toString()
}

export function pool(url: string, max = 5): pg.Pool {
  const made = new pg.Pool({ connectionString: url, max, allowExitOnIdle: true })
  made.on('error', () => {})
  made.on('connect', (client) => client.on('error', () => {}))
  return made
}

let gates = 0

/** Creates an incident with an approved gate. Returns the gate's id. */
export async function openTestGate(world: EffectsWorld): Promise<string> {
  const plan = canonical({ test: world.name })
  await world.engineOwner.query(
    'INSERT INTO runbook.plans (digest, runbook, plan, source) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING',
    [sha256Hex(plan), 'test', plan, ''],
  )
  const made = await world.engineOwner.query<{ id: string }>(
    `INSERT INTO runbook.incidents (type, runbook, plan_digest, key, inputs, requester)
     VALUES ('test', 'test', $1, $2, '{}', 'person:test') RETURNING id`,
    [sha256Hex(plan), `key-${++gates}`],
  )
  const incident = made.rows[0]!.id
  const gate = `${incident}.r1`
  await world.engineOwner.query(
    `INSERT INTO runbook.gates (id, incident, round, remedy, proposal, proposal_digest, state, within_ms, opened_at, expires_at)
     VALUES ($1, $2, 1, 'test', '{}', $3, 'approved', 1000, now(), now() + interval '1 hour')`,
    [gate, incident, DIGEST],
  )
  return gate
}

export const DIGEST = sha256Hex('the proposal')

export function requestFor(gate: string, kind: string, parameters: JsonObject, target = 'run-1'): EffectRequest {
  return {
    gate,
    proposalDigest: DIGEST,
    action: { id: `0-${kind}`, kind, access: 'write', target, with: parameters, preview: { summary: '' } },
    target: { key: target, item: null },
    timeoutMs: 5_000,
    recheckedAt: new Date().toISOString(),
  }
}

/** Grants every permit, each with a higher fence, and keeps the requests. `before` runs before each answer. */
export function permits(options: { lease?: string; before?: (request: PermitRequest) => Promise<void> } = {}) {
  const requests: PermitRequest[] = []
  const takePermit: TakePermit = async (request): Promise<PermitAnswer> => {
    requests.push(request)
    const fence = requests.length
    await options.before?.(request)
    return { granted: true, fence, lease: options.lease ?? `lease/${request.gate}` }
  }
  return { requests, takePermit }
}

export function denying(reason: Extract<PermitAnswer, { granted: false }>['reason']): TakePermit {
  return async () => ({ granted: false, reason, message: `it is ${reason}` })
}

export function depsFor(world: EffectsWorld, targets: Partial<Targets>, takePermit: TakePermit): EffectDeps {
  return {
    database: world.engine,
    takePermit,
    targets: targets as Targets,
    implementations: ACTION_IMPLEMENTATIONS,
    notify: async (channel) => `notified ${channel}`,
  }
}

/**
 * Previews the action as a gate does, approves it and applies it. Returns what the gate showed, the effect, the applied action, and how often
 * a permit was requested.
 */
export async function carryOut(
  world: EffectsWorld,
  kind: string,
  parameters: JsonObject,
  targets = postgresTarget(world.owner) as Targets,
) {
  const shown = await previewAction(kind, parameters, { targets, signal: new AbortController().signal })
  const request = requestFor(await openTestGate(world), kind, parameters)
  request.action.preview = shown
  const { requests, takePermit } = permits()
  const answer = await executeEffect(request, depsFor(world, targets, takePermit))
  if (!('effect' in answer)) throw new Error(JSON.stringify(answer))
  return { shown, effect: answer.effect, action: request.action, permitRequests: requests.length }
}

export function postgresTarget(connections: pg.Pool, ledger: 'target' | 'none' = 'target'): Pick<Targets, 'postgres'> {
  const target: PostgresTarget = { connection: 'db', address: '127.0.0.1', pool: connections, ledger, redact: [] }
  return { postgres: async () => target }
}

/** The queue `queue` with this prefix, and the client with which it is read and changed. */
export function bullmqTarget(redis: Redis, prefix: string, redact: string[] = []): Pick<Targets, 'bullmq'> {
  const target: BullmqTarget = {
    connection: 'queue',
    address: '127.0.0.1',
    redis,
    redact,
    prefix,
    queue: 'queue',
    base: `${prefix}:queue`,
    stalledIntervalMs: 30_000,
  }
  return { bullmq: async () => target }
}

export async function addRun(world: EffectsWorld, id: string, status = 'RUNNING'): Promise<string> {
  const made = await world.owner.query<{ updated_at: string }>(
    `INSERT INTO runs (id, status) VALUES ($1, $2) RETURNING updated_at::text`,
    [id, status],
  )
  return made.rows[0]!.updated_at
}

export async function readRun(world: EffectsWorld, id: string) {
  const found = await world.owner.query<{ status: string; failure_reason: string | null; changes: number }>(
    'SELECT status, failure_reason, changes FROM runs WHERE id = $1',
    [id],
  )
  return found.rows[0]
}

/** Polls until the condition holds. After the timeout, throws an error that names the condition. */
export async function eventually(condition: string, holds: () => Promise<boolean>, timeoutMs = 45_000): Promise<void> {
  const end = Date.now() + timeoutMs
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`timed out after ${timeoutMs} ms waiting for: ${condition}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A promise with the function that resolves it. */
export function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>((resolvePromise) => (resolve = resolvePromise))
  return { promise, resolve }
}
