import { expect } from 'vitest'
import type { TestStack } from '../support/global-stack.ts'
import { approve, trigger, untilClosed, untilGate } from './operator.ts'
import { openWorld, type World, type WorldOptions } from './world.ts'

/** A runbook that marks one failed run as seen, after an approval. A run whose step is `blocked` is never verified. */
const MARKING = `version: 1
runbook: marking
incident: marking
title: A failed run was not seen
owner: tests
inputs: { run: { type: string } }
key: marking/\${{ inputs.run }}
diagnose:
  run:
    check: sql.query
    with:
      connection: maestro-db
      sql: SELECT id, failure_reason, input FROM runs WHERE id = $1 AND status = 'FAILED' AND failure_reason <> 'seen'
      params: ["\${{ inputs.run }}"]
      columns: { id: string, failure_reason: string, input: dyn }
causes:
  - cause: unseen
    title: Nobody has seen the run
    affects: run.rows
    because: "\${{ run.rows.map(r, r.failure_reason).join(' ') }}"
    remedy: mark
otherwise: escalate
remedies:
  mark:
    title: Mark the run as seen
    risk: medium
    for: one
    key: \${{ one.id }}
    do:
      - action: notify
        with: { channel: platform-support, message: "\${{ one.id }} failed: \${{ one.failure_reason }}" }
      - action: sql.update
        with:
          connection: maestro-db
          table: runs
          where: { id: "\${{ one.id }}", status: FAILED }
          set: { failure_reason: seen }
        timeout: 20s
    limits: { maxTargets: 1 }
    approval: { by: [oncall], within: 15m, onTimeout: escalate }
    verify:
      checks:
        after:
          check: sql.query
          with:
            connection: maestro-db
            sql: SELECT id FROM runs WHERE id = $1 AND failure_reason = 'seen' AND current_step <> 'blocked'
            params: ["\${{ inputs.run }}"]
            columns: { id: string }
      until: size(after.rows) > 0
      holds: 100ms
      every: 500ms
      within: 20s
escalate: { to: [platform-support], message: "\${{ run.rows.map(r, r.failure_reason).join(' ') }}" }
`

export interface AttackWorld extends World {
  /** Adds a failed run. */
  addRun(id: string, change?: { reason?: string; step?: string; input?: string }): Promise<void>
  /** Opens an incident about the run and waits for its gate. */
  atGate(run: string): Promise<string>
  /** Takes an incident about a new run from its trigger to its end, like a person on call, while the attack continues. */
  resolveAnother(): Promise<void>
  /** How often the run was changed, which a trigger counts, and the run's failure reason. */
  changes(run: string): Promise<{ count: number; reason: string }>
  /** Expects that the history is intact, and that worker and API are the processes that were started. */
  expectUnharmed(): Promise<void>
}

export async function openAttackWorld(stack: TestStack, options: WorldOptions = {}): Promise<AttackWorld> {
  const world = await openWorld(stack, { ...options, runbooks: { 'marking.yaml': MARKING, ...options.runbooks } })
  const { worker, api } = world.installation
  const started = [worker.pid, api.pid]
  await world.maestro.query(`CREATE TABLE attack_changes (run text NOT NULL)`)
  await world.maestro.query(`CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
    'BEGIN INSERT INTO public.attack_changes VALUES (NEW.id); RETURN NULL; END'`)
  await world.maestro.query(
    `CREATE TRIGGER count_change AFTER UPDATE ON runs FOR EACH ROW EXECUTE FUNCTION count_change()`,
  )
  let others = 0
  const attacked: AttackWorld = {
    ...world,
    async addRun(id, { reason = 'no space left', step = 'fetch', input = '{}' } = {}) {
      await world.maestro.query(
        `INSERT INTO runs (id, workflow, status, current_step, failure_reason, input) VALUES ($1, 'thumbnail', 'FAILED', $2, $3, $4)`,
        [id, step, reason, input],
      )
    },
    async atGate(run) {
      const id = await trigger(world, 'marking', { run })
      await untilGate(world, id)
      return id
    },
    async resolveAnother() {
      const run = `another-${(others += 1)}`
      await attacked.addRun(run)
      const id = await attacked.atGate(run)
      await approve(world, id, await untilGate(world, id))
      expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved' })
    },
    async changes(run) {
      const found = await world.maestro.query<{ count: number; reason: string }>(
        `SELECT failure_reason AS reason, (SELECT count(*)::int FROM attack_changes WHERE run = $1) AS count FROM runs WHERE id = $1`,
        [run],
      )
      return found.rows[0]!
    },
    async expectUnharmed() {
      expect(await world.runbook(['audit', 'verify'])).toMatchObject({ code: 0 })
      expect([worker.pid, api.pid]).toEqual(started)
    },
  }
  return attacked
}
