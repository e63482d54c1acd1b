import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, trigger, untilClosed, untilGate } from './person.ts'
import { untilAllFinished } from './traces.ts'
import { treated } from './treated.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('a timeout shorter than the work: that of this step type alone is raised, and what timed out is retried', async () => {
  const before = await timeouts()
  const runs = await world.fault('timeout-too-short')
  const failed = await failedRuns()
  expect(failed).toHaveLength(3)
  const id = await trigger(world, 'task-failure', { since: '10m' })
  const round = await untilGate(world, id)
  expect(treated(round)).toEqual({ holds: ['timeout-too-short'], remedy: 'raise-timeout', targets: failed })

  await approve(world, id, round)
  const end = await untilClosed(world, id)
  expect(end).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  await untilAllFinished(world, runs)
  const { transcode, ...others } = await timeouts()
  expect(transcode).toBeGreaterThan(1500)
  expect(others).toEqual(Object.fromEntries(Object.entries(before).filter(([type]) => type !== 'transcode')))
  await world.installation.maestro(['heal', 'timeout-too-short'])
})

test('a service is down: the retry waits until it is healthy, and touches no timeout', async () => {
  const before = await timeouts()
  const runs = await world.fault('dependency-down')
  const id = await trigger(world, 'task-failure', { since: '10m' })
  const round = await untilGate(world, id)
  expect(treated(round)).toEqual({
    holds: ['dependency-down'],
    remedy: 'retry-when-healthy',
    targets: [...runs].sort(),
  })

  await approve(world, id, round)
  await untilTold(id)
  // Approved, and the service is still down: nothing was retried yet.
  expect(await failedRuns()).toEqual([...runs].sort())
  await world.installation.maestro(['heal', 'dependency-down'])
  const end = await untilClosed(world, id)
  expect(end).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(end.rounds[0]!.effects.map(({ result }) => result)).toEqual(['applied', 'applied', 'applied', 'applied'])
  await untilAllFinished(world, runs)
  expect(await timeouts()).toEqual(before)
})

test('both at once: two rounds in one incident, the service first, each remedy for its own runs alone', async () => {
  const slow = await world.fault('timeout-too-short')
  const timedOut = await failedRuns()
  const refused = await world.fault('dependency-down')
  const id = await trigger(world, 'task-failure', { since: '2m' })
  const first = await untilGate(world, id)
  expect(treated(first)).toEqual({
    holds: ['dependency-down'],
    remedy: 'retry-when-healthy',
    targets: [...refused].sort(),
  })
  await approve(world, id, first)
  await untilTold(id)
  await world.installation.maestro(['heal', 'dependency-down'])

  const second = await untilGate(world, id, 2)
  expect(treated(second)).toEqual({ holds: ['timeout-too-short'], remedy: 'raise-timeout', targets: timedOut })
  await approve(world, id, second)
  const end = await untilClosed(world, id)
  expect(end).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }, { verified: true }] })
  expect(end.rounds).toHaveLength(2)
  await untilAllFinished(world, [...slow, ...refused])
})

async function failedRuns(): Promise<string[]> {
  const { rows } = await world.maestro.query<{ id: string }>(`SELECT id FROM runs WHERE status = 'FAILED' ORDER BY id`)
  return rows.map((row) => row.id)
}

async function timeouts(): Promise<Record<string, number>> {
  const { rows } = await world.maestro.query<{ type: string; timeout_ms: number }>(
    'SELECT type, timeout_ms FROM step_types',
  )
  return Object.fromEntries(rows.map((row) => [row.type, row.timeout_ms]))
}

/** The remedy has begun: its first action tells the channel. */
async function untilTold(id: string): Promise<void> {
  await until('the remedy has begun', async () => {
    const { rows } = await world.engine.query(
      `SELECT 1 FROM runbook.effects WHERE gate LIKE $1 || '.r%' AND action LIKE '%notify%' AND result = 'applied'`,
      [id],
    )
    return rows.length > 0 ? true : undefined
  })
}
