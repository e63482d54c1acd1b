import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, review, show, trigger, untilClosed, untilGate } from './person.ts'
import { untilAllFinished } from './traces.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('kill -9 at the gate: what is decided while no worker runs takes effect when one is back, and once', async () => {
  const runs = await world.fault('queue-paused')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  await killForGood()

  await approve(world, id, round)
  const decided = await show(world, id)
  expect(decided.rounds[0]!.gate).toMatchObject({ state: 'approved', proposalDigest: round.gate!.proposalDigest })
  expect(decided.rounds[0]!.effects).toEqual([])
  await world.installation.worker.startAgain()

  const end = await untilClosed(world, id)
  expect(end).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(end.rounds[0]!.effects).toMatchObject([{ target: '-', result: 'applied' }])
  await untilAllFinished(world, runs)
})

test('kill -9 between the permit and the effect, and again while it verifies: the same end, each run failed once', async () => {
  const runs = await world.fault('stalled-nobody-checks')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  // Holds the write up, so that the worker dies with its permit taken and its effect not done.
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

  await until('it verifies', async () => ((await show(world, id)).state === 'verifying' ? true : undefined))
  kill()
  const end = await untilClosed(world, id)
  expect(end).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(end.rounds).toHaveLength(1)
  expect(end.rounds[0]!.effects.map(({ target, result }) => `${target} ${result}`).sort()).toEqual(
    [...runs].sort().map((run) => `${run} applied`),
  )
  const ledger = await world.maestro.query<{ key: string }>('SELECT key FROM runbook_ledger.effects ORDER BY key')
  expect(ledger.rows.map((row) => row.key.split('/').slice(-3).join('/'))).toEqual(
    [...runs].sort().map((run) => `${id}.r1/0-sql.update/${run}`),
  )
  const attempts = await world.maestro.query('SELECT DISTINCT attempt FROM runs WHERE id = ANY($1)', [runs])
  expect(attempts.rows).toEqual([{ attempt: 2 }])
  await untilAllFinished(world, runs)
  expect((await review(world, id)).chainFaults).toEqual([])
})

/** It has no time to say goodbye; the installation starts it again. */
function kill(): void {
  world.installation.worker.kill('SIGKILL')
}

async function killForGood(): Promise<void> {
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
