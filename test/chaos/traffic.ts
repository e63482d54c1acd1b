import { setTimeout as sleep } from 'node:timers/promises'
import { decideGate } from '../../src/engine/decide-gate.ts'
import { trigger } from '../../src/engine/trigger.ts'
import { until } from '../acceptance/until.ts'
import type { ChaosWorld } from './world.ts'

/** An incident that was accepted, and what it is about. */
export interface Opened {
  incident: string
  /** Ids of its targets, as they stand in `touched` and in the ledger. */
  targets: string[]
}

/** Incidents that are opened and decided as people do it: again, when the engine did not answer. */
export interface Traffic {
  readonly opened: Opened[]
  /** Opens one incident: every fourth about a run of Maestro's, the others about two parts. */
  open(): Promise<Opened>
  /** Opens one about two parts. */
  openLine(): Promise<Opened>
  /** Opens the one about Maestro's queue, which somebody has paused. */
  openQueue(): Promise<Opened>
  /** Accepts one as a process does that dies before it starts the workflow. */
  openUnstarted(): Promise<Opened>
  /** Opens as many as are missing to so many that are open. */
  fill(inFlight: number): Promise<void>
  /** While this is true, a lead approves whatever waits. */
  deciding: boolean
  /** Waits until all that were opened are closed. */
  untilClosed(withinMs: number): Promise<void>
  stop(): Promise<void>
}

const DECIDE_EVERY_MS = 150

export function startTraffic(world: ChaosWorld): Traffic {
  const { engine } = world
  const opened: Opened[] = []
  const stopped = new AbortController()

  const open = async (by = engine, isRun = opened.length % 4 === 3): Promise<Opened> => {
    const name = `${TAG}-${(made += 1)}`
    const targets = isRun ? [`run-${name}`] : [`${name}-a`, `${name}-b`]
    await patiently('its trouble is there', () => (isRun ? loseJob(world, targets[0]!) : wear(world, name, targets)))
    const [type, inputs] = isRun
      ? (['lost-job', { run: targets[0] }] as const)
      : (['worn-line', { line: name }] as const)
    return accept(type, inputs, targets, name, by)
  }

  const accept = async (type: string, inputs: object, targets: string[], idempotencyKey: string, by = engine) => {
    const request = { type, inputs: { ...inputs }, requester: 'person:operator', idempotencyKey }
    const { incident } = await patiently(`${idempotencyKey} is accepted`, () => trigger(by, request))
    const one = { incident, targets }
    opened.push(one)
    return one
  }

  const traffic: Traffic = {
    opened,
    deciding: true,
    open: () => open(),
    openLine: () => open(engine, false),
    openQueue: () => accept('halted-queue', {}, [], `${TAG}-queue-${(made += 1)}`),
    openUnstarted: () => open(deafTo(world)),
    async fill(inFlight) {
      const missing = inFlight - (await patiently('the open ones are counted', () => countOpen(world)))
      for (let one = 0; one < missing; one += 1) await open()
    },
    async untilClosed(withinMs) {
      await until(
        `${opened.length} incidents are closed`,
        async () => ((await countOpen(world).catch(() => 1)) === 0 ? true : undefined),
        withinMs,
      ).catch(async (error: Error) => {
        throw new Error(`${error.message}\n${await stillOpen(world)}`)
      })
    },
    async stop() {
      stopped.abort()
      await deciders
    },
  }

  const decide = async () => {
    while (!stopped.signal.aborted) {
      // An error is the fault that is tested: the next look finds what is still undecided.
      if (traffic.deciding) await approveAll(world).catch(() => {})
      await sleep(DECIDE_EVERY_MS)
    }
  }
  const deciders = decide()
  return traffic
}

const TAG = Math.random().toString(36).slice(2, 6)
let made = 0

/** As a person who tries again: an idempotency key and `ON CONFLICT` keep it one. */
async function patiently<T>(what: string, attempt: () => Promise<T>): Promise<T> {
  let last: unknown
  return until(
    what,
    () =>
      attempt().catch((error: unknown) => {
        last = error
        return undefined
      }),
    60_000,
  ).catch((error: Error) => {
    throw new Error(`${error.message}: ${String(last)}`)
  })
}

async function wear({ maestro }: ChaosWorld, line: string, parts: string[]): Promise<true> {
  await maestro.query(`INSERT INTO parts SELECT id, $2, 'worn' FROM unnest($1::text[]) id ON CONFLICT DO NOTHING`, [
    parts,
    line,
  ])
  return true
}

/** A run as a queue leaves it that has lost a job: nobody works on it, and nothing waits. */
async function loseJob({ maestro }: ChaosWorld, run: string): Promise<true> {
  await maestro.query(
    `WITH lost AS (INSERT INTO runs (id, workflow, status, current_step, updated_at)
       VALUES ($1, 'thumbnail', 'RUNNING', 'render', now() - interval '2 hours') ON CONFLICT DO NOTHING RETURNING id)
     INSERT INTO steps (run_id, step, type, attempt, job_id) SELECT id, 'render', 'render', 1, id || '__render__a1' FROM lost`,
    [run],
  )
  return true
}

/** An engine that never reaches Temporal: what it accepts is left to the starter. */
function deafTo({ engine }: ChaosWorld): ChaosWorld['engine'] {
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

async function stillOpen({ engine }: ChaosWorld): Promise<string> {
  const { rows } = await engine.database.query<{ line: string }>(
    `SELECT id || ' ' || state || ': ' || coalesce((SELECT string_agg(coalesce(place, '?'), ', ' ORDER BY seq) FROM runbook.events
       WHERE incident = i.id), '') AS line FROM runbook.incidents i WHERE closed_at IS NULL`,
  )
  return rows.map((row) => row.line).join('\n')
}
