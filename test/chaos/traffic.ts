import { setTimeout as sleep } from 'node:timers/promises'
import { decideGate } from '../../src/engine/decide-gate.ts'
import { trigger } from '../../src/engine/trigger.ts'
import { until } from '../acceptance/until.ts'
import type { ChaosWorld } from './world.ts'

/** An accepted incident and its targets. */
export interface Opened {
  incident: string
  /** Ids of its targets, as in the table `change_log` and in the ledger. */
  targets: string[]
}

/** Opens incidents and decides gates. Retries when the engine does not answer, as people do. */
export interface Traffic {
  readonly opened: Opened[]
  /** Opens one incident. Every fourth is about a Maestro run, the others are about two parts. */
  open(): Promise<Opened>
  /** Opens an incident about two parts. */
  openLine(): Promise<Opened>
  /** Opens an incident about Maestro's paused queue. */
  openQueue(): Promise<Opened>
  /** Accepts an incident like a process that dies before it starts the workflow. */
  openUnstarted(): Promise<Opened>
  /** Opens incidents until `inFlight` are open. */
  fill(inFlight: number): Promise<void>
  /** While true, a lead approves every open gate. */
  deciding: boolean
  /** Waits until all opened incidents are closed. */
  untilClosed(timeoutMs: number): Promise<void>
  stop(): Promise<void>
}

const DECISION_INTERVAL_MS = 150

export function startTraffic(world: ChaosWorld): Traffic {
  const { engine } = world
  const opened: Opened[] = []
  const stopped = new AbortController()

  const open = async (by = engine, isRun = opened.length % 4 === 3): Promise<Opened> => {
    const name = `${ID_PREFIX}-${(counter += 1)}`
    const targets = isRun ? [`run-${name}`] : [`${name}-a`, `${name}-b`]
    await withRetries('the symptom exists', () =>
      isRun ? createRunWithoutJob(world, targets[0]!) : createWornParts(world, name, targets),
    )
    const [type, inputs] = isRun
      ? (['lost-job', { run: targets[0] }] as const)
      : (['worn-line', { line: name }] as const)
    return accept(type, inputs, targets, name, by)
  }

  const accept = async (type: string, inputs: object, targets: string[], idempotencyKey: string, by = engine) => {
    const request = { type, inputs: { ...inputs }, requester: 'person:operator', idempotencyKey }
    const { incident } = await withRetries(`${idempotencyKey} is accepted`, () => trigger(by, request))
    const accepted = { incident, targets }
    opened.push(accepted)
    return accepted
  }

  const traffic: Traffic = {
    opened,
    deciding: true,
    open: () => open(),
    openLine: () => open(engine, false),
    openQueue: () => accept('halted-queue', {}, [], `${ID_PREFIX}-queue-${(counter += 1)}`),
    openUnstarted: () => open(engineWithoutTemporal(world)),
    async fill(inFlight) {
      const missing = inFlight - (await withRetries('the open incidents are counted', () => countOpen(world)))
      for (let one = 0; one < missing; one += 1) await open()
    },
    async untilClosed(timeoutMs) {
      await until(
        `${opened.length} incidents are closed`,
        async () => ((await countOpen(world).catch(() => 1)) === 0 ? true : undefined),
        timeoutMs,
      ).catch(async (error: Error) => {
        throw new Error(`${error.message}\n${await describeOpen(world)}`)
      })
    },
    async stop() {
      stopped.abort()
      await deciders
    },
  }

  const decide = async () => {
    while (!stopped.signal.aborted) {
      // Errors are expected under the tested fault. The next iteration finds the gates that are still open.
      if (traffic.deciding) await approveAll(world).catch(() => {})
      await sleep(DECISION_INTERVAL_MS)
    }
  }
  const deciders = decide()
  return traffic
}

const ID_PREFIX = Math.random().toString(36).slice(2, 6)
let counter = 0

/** Retries for 60 s. Each attempt must be idempotent, by an idempotency key or `ON CONFLICT`. */
async function withRetries<T>(description: string, attempt: () => Promise<T>): Promise<T> {
  let lastError: unknown
  return until(
    description,
    () =>
      attempt().catch((error: unknown) => {
        lastError = error
        return undefined
      }),
    60_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${String(lastError)}`)
  })
}

async function createWornParts({ maestro }: ChaosWorld, line: string, parts: string[]): Promise<true> {
  await maestro.query(`INSERT INTO parts SELECT id, $2, 'worn' FROM unnest($1::text[]) id ON CONFLICT DO NOTHING`, [
    parts,
    line,
  ])
  return true
}

/** Inserts a RUNNING run whose job does not exist in the queue. */
async function createRunWithoutJob({ maestro }: ChaosWorld, run: string): Promise<true> {
  await maestro.query(
    `WITH lost AS (INSERT INTO runs (id, workflow, status, current_step, updated_at)
       VALUES ($1, 'thumbnail', 'RUNNING', 'render', now() - interval '2 hours') ON CONFLICT DO NOTHING RETURNING id)
     INSERT INTO steps (run_id, step, type, attempt, job_id) SELECT id, 'render', 'render', 1, id || '__render__a1' FROM lost`,
    [run],
  )
  return true
}

/** An engine without a connection to Temporal. The starter of another process must start the incidents that it accepts. */
function engineWithoutTemporal({ engine }: ChaosWorld): ChaosWorld['engine'] {
  const client = { withDeadline: () => Promise.reject(new Error('no answer')) }
  return { ...engine, temporal: { ...engine.temporal, client: client as never } }
}

async function approveAll({ engine }: ChaosWorld): Promise<void> {
  const { rows } = await engine.database.query<{ id: string; digest: string }>(
    `SELECT id, proposal_digest AS digest FROM runbook.gates WHERE state = 'open' ORDER BY opened_at`,
  )
  for (const { id, digest } of rows)
    await decideGate(engine, engine.people.lead!, { gate: id, proposalDigest: digest, decision: 'approve' })
}

async function countOpen({ engine }: ChaosWorld): Promise<number> {
  const { rows } = await engine.database.query<{ n: number }>(
    'SELECT count(*)::int AS n FROM runbook.incidents WHERE closed_at IS NULL',
  )
  return rows[0]!.n
}

async function describeOpen({ engine }: ChaosWorld): Promise<string> {
  const { rows } = await engine.database.query<{ line: string }>(
    `SELECT id || ' ' || state || ': ' || coalesce((SELECT string_agg(coalesce(place, '?'), ', ' ORDER BY seq) FROM runbook.events
       WHERE incident = i.id), '') AS line FROM runbook.incidents i WHERE closed_at IS NULL`,
  )
  return rows.map((row) => row.line).join('\n')
}
