import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { detect } from '../../src/engine/detection/detect.ts'
import { turnFreeze } from '../../src/engine/freeze.ts'
import { addFollowUp, closeFollowUp, giveFeedback } from '../../src/engine/follow-ups.ts'
import { acknowledge, addNote, cancelIncident, claim } from '../../src/engine/incident-actions.ts'
import { reconcile } from '../../src/engine/reconcile.ts'
import { retryIncident } from '../../src/engine/retry.ts'
import { readDatabaseSettings } from '../../src/engine/setup/doctor-database.ts'
import { trigger } from '../../src/engine/trigger.ts'
import { undoIncident } from '../../src/engine/undo.ts'
import { readEvidenceByRef } from '../../src/engine/views/evidence.ts'
import { listOpenFollowUps } from '../../src/engine/views/follow-ups.ts'
import { inboxOf } from '../../src/engine/views/inbox.ts'
import { incidentForReader } from '../../src/engine/views/incident-for-reader.ts'
import { listDetectors, reportDetection } from '../../src/engine/views/detection.ts'
import { listIncidents } from '../../src/engine/views/list.ts'
import { readMetrics } from '../../src/engine/views/metrics.ts'
import { openGates } from '../../src/engine/views/open-gates.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { runbookStatistics } from '../../src/engine/views/runbook-statistics.ts'
import { withdrawDecision } from '../../src/engine/withdraw-decision.ts'
import { readEvents } from '../../src/history/incidents.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { EXPLAIN_EVERYTHING, readsOf, watchPlans, type Explained } from '../support/explained.ts'
import { fillHistory, FILLED_INCIDENTS } from '../support/fill-history.ts'
import { mending, openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

/** Tables with one row per incident or more, which are never emptied. The others stay small: see the test of their names. */
const GROWING = [
  'alerts',
  'decisions',
  'effects',
  'episodes',
  'events',
  'evidence',
  'feedback',
  'follow_ups',
  'gates',
  'incidents',
  'intents',
  'leases',
  'manual_steps',
  'notes',
  'outbox',
  'permits',
  'requests',
  'verdicts',
]
/** A table that grows too. The engine only writes to it, by its key, so no plan may show a scan of it. */
const ONLY_WRITTEN = ['tallies']
/**
 * Tables that stay small. They have one row for each version of a runbook, author of a runbook, change of a control,
 * migration, incident that waits for a lease or for a connection, recent start of a worker, event whose
 * messages were not stored yet, runbook that is sampled, passkey, or person who is signed in to the pages. One of the tables has a
 * single row.
 */
const SMALL = [
  'control_events',
  'controls',
  'deliveries',
  'detectors',
  'engine',
  'lease_waiters',
  'maintenance',
  'migrations',
  'outages',
  'outbox_events',
  'passkeys',
  'plan_authors',
  'plans',
  'sessions',
  'sign_in_links',
  'workers',
]
/** The number of rows of a big table that one statement may read. A list reads 500, a batch reads 100, and other statements read the rows of one incident. */
const MAX_ROWS = 1_000

let world: WorkflowWorld
let watched: { explained: Explained[]; stop(): void }

beforeAll(async () => {
  installRuntime('ERROR')
  const limits = { maxTargets: 20, perHour: 100, cooldownMs: 30 * 86_400_000 }
  const { approval } = mending()
  const two = { ...approval, count: 2 } as typeof approval
  world = await openWorkflowWorld(inject('stack'), [
    thingsPlan('things', { remedies: { mend: mending({ limits, approval: two }) } }),
    thingsPlan('sampled', {
      inputs: { group: { type: 'string', optional: true, default: 'sampled' } },
      detect: { everyMs: 2, for: 1, againMs: 3_600_000 },
    }),
  ])
  await fillHistory(world.history.superuser, world.history.planDigest, 'mend')
  await explainSessions()
  watched = watchPlans()
})
afterAll(async () => {
  watched?.stop()
  await world?.close()
})

/** PostgreSQL explains every statement of the sessions that the application's role opens from now on. */
async function explainSessions(): Promise<void> {
  const { superuser, name } = world.history
  for (const [setting, value] of Object.entries(EXPLAIN_EVERYTHING))
    // oxlint-disable-next-line runbook/sql-text -- constants, and the name of a test's role
    await superuser.query(`ALTER ROLE ${name}_app SET ${setting} = '${value}'`)
  await superuser.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1', [`${name}_app`])
}

/** Everything that people and the engine do with incidents, except an audit, which reads everything. */
async function useEverything(): Promise<void> {
  const { engine } = world
  const { database } = engine
  const { operator, lead } = engine.people
  const worker = await world.startWorker()
  await world.addThings('one', 'o1', 'o2')
  const { incident } = await trigger(engine, {
    type: 'things',
    inputs: { group: 'one' },
    requester: 'alert:test',
    idempotencyKey: 'test:1',
  })
  const waiting = await world.atGate(incident)
  await openGates(database, null)
  await inboxOf(engine, operator!)
  await incidentForReader(engine, incident, operator!, 60)
  await readMetrics(database)
  await runbookStatistics(database, ['things', 'sampled'], null)
  await acknowledge(engine, operator!, incident)
  await claim(engine, operator!, incident)
  await addNote(engine, operator!, incident, 'a note')
  await addFollowUp(engine, operator!, incident, { text: 'raise the limit', owner: 'platform' })
  await closeFollowUp(engine, operator!, incident, { number: 1, result: 'raised' })
  await listOpenFollowUps(database, null)
  await giveFeedback(engine, operator!, incident, { helped: 'yes' })
  await world.decide(waiting, 'operator')
  await withdrawDecision(engine, operator!, { gate: waiting.rounds[0]!.gate!.id })
  await world.decide(waiting, 'operator')
  await world.decide(waiting, 'lead')
  await world.closed(incident)

  await world.addThings('two', 't1')
  const cancelled = await world.open('things', 'two')
  await world.atGate(cancelled)
  await cancelIncident(engine, lead!, cancelled)
  await world.closed(cancelled)

  const { incident: retried } = await retryIncident(engine, operator!, cancelled)
  const again = await world.atGate(retried)
  for (const who of ['operator', 'lead']) await world.decide(again, who)
  await world.closed(retried)
  await undoIncident(engine, operator!, retried)

  const review = await reviewIncident(database, retried)
  await readEvidenceByRef(database, retried, review.evidence[0]!.ref)
  await readEvents(database, retried, 5)
  for (const filter of [{}, { state: 'open' }, { state: 'closed' }, { type: 'things' }, { before: 20_000 }] as const)
    await listIncidents(database, { limit: 100, plans: null, ...filter })
  await listIncidents(database, { limit: 100, plans: null, state: 'open', type: 'things', before: FILLED_INCIDENTS })
  await world.addThings('sampled', 's1')
  for (const state of ['bad', 'bad', 'good']) {
    await world.things.query(`UPDATE things SET state = $1 WHERE grp = 'sampled'`, [state])
    await detect(engine, { runbook: 'sampled', limitMs: 10_000 })
  }
  await listDetectors(engine)
  await reportDetection(engine, { sinceMs: 86_400_000 })
  await reconcile(engine)
  for (const on of [true, false])
    await turnFreeze(world.history.applicationUrl, { on, person: 'operator', reason: 'a test' })
  await readDatabaseSettings(database)
  await worker.stop()
}

test(
  'no statement of the hot paths reads a big table as a whole, nor many of its rows',
  { timeout: 120_000 },
  async () => {
    await useEverything()
    const faults = new Set<string>()
    const used = new Set<string>()
    for (const one of watched.explained)
      for (const { table, how, rows } of readsOf(one)) {
        used.add(table)
        if (GROWING.includes(table) && (how === 'Seq Scan' || how === 'Parallel Seq Scan' || rows > MAX_ROWS))
          faults.add(`${how} on ${table}, ${rows} rows: ${one.text.replaceAll(/\s+/g, ' ')}`)
      }
    expect([...faults]).toEqual([])
    // If the statements were not explained, the test would see no plan and pass without proving anything.
    expect([...used].sort()).toEqual(expect.arrayContaining(GROWING))
  },
)

test('every table is known to grow or to stay small', async () => {
  const found = await world.history.superuser.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relnamespace = 'runbook'::regnamespace AND relkind = 'r' ORDER BY 1`,
  )
  expect(found.rows.map(({ name }) => name)).toEqual([...GROWING, ...ONLY_WRITTEN, ...SMALL].sort())
})
