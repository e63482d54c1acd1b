import type pg from 'pg'
import { NO_POLICY } from '../../src/core/policy.ts'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import type { People } from '../../src/core/person.ts'
import { recordEffect, recordIntent } from '../../src/effects/record-effect.ts'
import type { Engine } from '../../src/engine/engine.ts'
import { addFollowUp, closeFollowUp, giveFeedback } from '../../src/engine/follow-ups.ts'
import { acknowledge, addNote, cancelIncident, claim } from '../../src/engine/incident-actions.ts'
import { recordVerdict } from '../../src/gate/breaker.ts'
import { decide } from '../../src/gate/decide.ts'
import type { Keyring } from '../../src/gate/keyring.ts'
import { withdraw } from '../../src/gate/withdraw.ts'
import { closeIncident } from '../../src/history/close.ts'
import { recordEvents, recordEvidence } from '../../src/history/record.ts'
import { propose, type EngineWorld } from './engine-world.ts'
import { takeProposedPermit } from './take-proposed-permit.ts'

/** Records an incident with everything: two checks, decisions (one withdrawn), permits, intents, effects, a verdict, notes, follow-ups, an answer, its end. */
export async function recordFullIncident(world: EngineWorld, keyring: Keyring, people: People): Promise<string> {
  const { engine: database } = world
  const engine = { database, temporal: {}, config: { limits: { perIncident: 200 } } } as unknown as Engine
  const { operator, lead } = people as { operator: People[string]; lead: People[string] }
  const { incident, gate, digest } = await propose(world, { approval: { count: 2 } })
  const body = { result: { rows: [{ n: 1 }], truncated: false } }
  const found = { name: 'bad', kind: 'sql.query', status: 'ok' as const, ref: sha256Hex(canonical(body)), ...body }
  const at = { startedAt: new Date().toISOString(), durationMs: 1, truncated: false }
  const places = ['r1/check/bad', 'r1/recheck1/bad']
  const evidence = places.map((place) => ({ place, ...found, ...at }))
  await recordEvidence(database, incident, evidence, { [places[0]!]: { sql: 'SELECT 1' } })
  await acknowledge(engine, operator, incident)
  await claim(engine, lead, incident)
  for (const note of ['one', 'two']) await addNote(engine, operator, incident, note)
  await addNote(engine, operator, incident, 'three', 1)
  await addFollowUp(engine, operator, incident, { text: 'raise the limit', owner: 'platform', due: '2026-03-31' })
  await addFollowUp(engine, operator, incident, { text: 'write a runbook', owner: 'lead' })
  await closeFollowUp(engine, lead, incident, { number: 1, result: 'raised' })
  await giveFeedback(engine, lead, incident, { helped: 'partly', comment: 'late' })
  const deps = { database, keyring, people, policy: NO_POLICY, wakeWorkflow: async () => {} }
  const approve = (person: People[string], targets?: string[]) =>
    decide(deps, person, {
      gate,
      proposalDigest: digest,
      decision: 'approve',
      comment: 'yes',
      ...(targets && { targets }),
    })
  await approve(operator, ['a'])
  await withdraw(deps, operator, { gate })
  await approve(operator)
  await approve(lead, ['a', 'b'])
  const recheck = { round: 1, holds: true as const, because: '', targets: ['a', 'b'], skipped: {} }
  const [looked] = await recordEvents(database, incident, [
    { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data: recheck },
  ])
  const rules = { keyring, people, policy: NO_POLICY, isAutoApproved: () => false, requesterMayApprove: true }
  for (const target of ['a', 'b']) {
    const wanted = { gate, target, recheckedAt: looked!.at, leaseMs: 1_000 }
    await takeProposedPermit(database, rules, wanted)
    // A second permit for the same target, as after a crash.
    if (target === 'b') await takeProposedPermit(database, rules, wanted)
    const run = { gate, action: '1-process.run', target }
    await recordIntent(database, run)
    await recordEffect(database, { ...run, result: 'applied', detail: 'exited with 0', observed: { exitCode: 0 } })
    const effect = { gate, action: '0-sql.update', target, detail: '1 row', observed: { rows: 1 } }
    await recordEffect(database, { ...effect, result: 'applied' })
  }
  const verdict = { round: 1, remedy: 'mend', held: true, detail: '', tookMs: 1, targets: ['a', 'b'] }
  await recordVerdict(database, incident, verdict)
  await cancelIncident(engine, operator, incident)
  await closeIncident(database, { incident, outcome: 'cancelled', reason: 'cancelled by operator' })
  return incident
}

/** Runs `work` as a superuser with triggers disabled, and rolls it back. */
export async function tampering<T>(world: EngineWorld, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await world.superuser.connect()
  try {
    await client.query(`BEGIN; SET LOCAL session_replication_role = replica`)
    return await work(client)
  } finally {
    await client.query('ROLLBACK')
    client.release()
  }
}
