import { incidentWorkflow } from '../../src/engine/incident-workflow.ts'
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { isRunbookError } from '../../src/core/errors.ts'
import { auditHistory } from '../../src/engine/audit/audit.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { reconcile } from '../../src/engine/reconcile.ts'
import { trigger } from '../../src/engine/trigger.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { eventually } from '../support/effects-world.ts'
import { openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

const INCIDENTS = 30
const CUTS = 15
const seed = Number(process.env.RUNBOOK_TEST_SEED ?? randomInt(2 ** 31))

/** Repeatable random numbers from 0 up to 1, by the generator mulberry32. */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

let world: WorkflowWorld
beforeAll(async () => {
  installRuntime('ERROR')
  const { causes } = thingsPlan('x')
  world = await openWorkflowWorld(inject('stack'), [
    thingsPlan('watching', { causes: [{ ...causes[0]!, then: { end: 'no-action' } }], remedies: {} }),
  ])
})
afterAll(() => world?.close())

/** An engine whose Temporal sometimes refuses a start, or accepts it and loses the answer. */
function flaky(random: () => number): Engine {
  const { engine } = world
  const { client } = engine.temporal
  const start = async (type: string, options: object) => {
    const luck = random()
    if (luck < 0.3) throw new Error('Temporal is down')
    const handle = await client.workflow.start(type, options as never)
    if (luck < 0.6) throw new Error('the answer of Temporal was lost')
    return handle
  }
  const workflow = Object.assign(Object.create(client.workflow) as typeof client.workflow, { start })
  const half = Object.assign(Object.create(client) as typeof client, { workflow })
  return { ...engine, temporal: { ...engine.temporal, client: half } }
}

/** Terminates all of the engine's database connections, repeatedly. Returns how many. */
async function cutConnections(times: number): Promise<number> {
  const { superuser, name } = world.history
  let cut = 0
  for (let i = 0; i < times; i += 1) {
    const ended = await superuser.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND usename = $2`,
      [name, `${name}_app`],
    )
    cut += ended.rowCount ?? 0
    await sleep(150)
  }
  return cut
}

/** Repeats the request with the same idempotency key until there is an answer, as a caller does. */
async function triggerUntilAccepted(engine: Engine, group: string): Promise<string> {
  const request = { type: 'watching', inputs: { group }, requester: 'person:operator', idempotencyKey: group }
  for (;;)
    try {
      return (await trigger(engine, request)).incident
    } catch (error) {
      if (!isRunbookError(error, 'RUNBOOK_UNREACHABLE') && !/terminat|Connection/i.test(String(error))) throw error
      await sleep(20)
    }
}

test(
  'with cut connections and lost answers, every incident is accepted, started and closed exactly once',
  { timeout: 120_000 },
  async () => {
    console.log(`faults: RUNBOOK_TEST_SEED=${seed}`)
    const random = randomFrom(seed)
    const { engine } = world
    await world.startWorker()
    await world.addThings('group-0', 'g0')
    const stopped = new AbortController()
    const reconciling = Promise.all(
      [1, 2, 3].map(async () => {
        const mine = flaky(random)
        while (!stopped.signal.aborted) {
          // The worker's loop logs the error and continues.
          await reconcile(mine).catch(() => {})
          await sleep(50)
        }
      }),
    )
    const cutting = cutConnections(CUTS)
    const ids = await Promise.all(
      Array.from({ length: INCIDENTS }, (_, i) => triggerUntilAccepted(flaky(random), `group-${i}`)),
    )
    expect(new Set(ids).size).toBe(INCIDENTS)
    expect(await cutting).toBeGreaterThan(CUTS)

    const rows = async () =>
      (
        await engine.database.query<{ id: string; outcome: string | null; occurrences: number; started: boolean }>(
          'SELECT id, outcome, occurrences, started_at IS NOT NULL AS started FROM runbook.incidents ORDER BY number',
        )
      ).rows
    await eventually(
      'all are closed',
      async () => (await rows()).every((row) => row.started && row.outcome !== null),
      60_000,
    )
    stopped.abort()
    await reconciling
    const all = await rows()
    expect(all.map(({ id }) => id).toSorted()).toEqual(ids.toSorted())
    expect(all.map(({ occurrences }) => occurrences)).toEqual(all.map(() => 1))
    const outcomes = all.map(({ outcome }) => outcome)
    expect(outcomes.filter((outcome) => outcome === 'no-action')).toHaveLength(1)
    expect(outcomes.filter((outcome) => outcome === 'cleared')).toHaveLength(INCIDENTS - 1)

    for (const id of ids) {
      const handle = await incidentWorkflow(engine, id)
      const { raw } = await handle.describe()
      expect(raw.workflowExecutionInfo!.firstRunId, id).toBe(raw.workflowExecutionInfo!.execution!.runId)
    }
    const closings = await engine.database.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM runbook.events WHERE place = 'closed' GROUP BY incident`,
    )
    expect(closings.rows).toEqual(ids.map(() => ({ count: 1 })))
    expect((await auditHistory(engine.database, engine.keyring)).faults).toEqual([])
  },
)
