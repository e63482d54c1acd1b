import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, review, show, trigger, untilClosed, untilGate } from './operator.ts'
import { untilAllCompleted } from './maestro-records.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('kill -9 at the gate: a decision made while no worker runs is applied once, after a worker starts', async () => {
  const runs = await world.fault('queue-paused')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  await killAndStopRestarts()

  await approve(world, id, round)
  const decided = await show(world, id)
  expect(decided.rounds[0]!.gate).toMatchObject({ state: 'approved', proposalDigest: round.gate!.proposalDigest })
  expect(decided.rounds[0]!.effects).toEqual([])
  await world.installation.worker.startAgain()

  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(closed.rounds[0]!.effects).toMatchObject([{ target: '-', result: 'applied' }])
  await untilAllCompleted(world, runs)
})

test('kill -9 between the permit and the effect, and again during verification: the incident is resolved, and each run is set to FAILED once', async () => {
  const runs = await world.fault('stalled-nobody-checks')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  // These locks block the write, so that the worker dies after it took the permit and before the effect is applied.
  const blocker = await world.maestro.connect()
  try {
    await blocker.query('BEGIN')
    await blocker.query('SELECT 1 FROM runs WHERE id = ANY($1) FOR UPDATE', [runs])
    await approve(world, id, round)
    await untilEvent(id, 'permit')
    kill()
  } finally {
    await blocker.query('ROLLBACK')
    blocker.release()
  }
  expect((await show(world, id)).rounds[0]!.effects).toEqual([])

  await until('the incident is verifying', async () =>
    (await show(world, id)).state === 'verifying' ? true : undefined,
  )
  kill()
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(closed.rounds).toHaveLength(1)
  expect(closed.rounds[0]!.effects.map(({ target, result }) => `${target} ${result}`).sort()).toEqual(
    [...runs].sort().map((run) => `${run} applied`),
  )
  const ledger = await world.maestro.query<{ key: string }>('SELECT key FROM runbook_ledger.effects ORDER BY key')
  expect(ledger.rows.map((row) => row.key.split('/').slice(-3).join('/'))).toEqual(
    [...runs].sort().map((run) => `${id}.r1/0-sql.update/${run}`),
  )
  const attempts = await world.maestro.query('SELECT DISTINCT attempt FROM runs WHERE id = ANY($1)', [runs])
  expect(attempts.rows).toEqual([{ attempt: 2 }])
  await untilAllCompleted(world, runs)
  expect((await review(world, id)).chainFaults).toEqual([])
})

/** Kills the worker with SIGKILL. The installation restarts it. */
function kill(): void {
  world.installation.worker.kill('SIGKILL')
}

async function killAndStopRestarts(): Promise<void> {
  kill()
  await world.installation.worker.stop()
}

async function untilEvent(id: string, kind: string): Promise<void> {
  await until(`${id} has an event "${kind}"`, async () => {
    const { rows } = await world.engine.query(
      `SELECT 1 FROM runbook.events WHERE incident = $1 AND body::jsonb->>'kind' = $2`,
      [id, kind],
    )
    return rows.length > 0 ? true : undefined
  })
}
