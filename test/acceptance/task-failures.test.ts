import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, trigger, untilClosed, untilGate } from './operator.ts'
import { untilAllCompleted } from './maestro-records.ts'
import { summarizeRound } from './round-summary.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('when a timeout is too short, only the timeout of this step type is raised, and the failed runs are retried', async () => {
  const before = await timeouts()
  const runs = await world.fault('timeout-too-short')
  const failed = await failedRuns()
  expect(failed).toHaveLength(3)
  const id = await trigger(world, 'task-failure', { since: '10m' })
  const round = await untilGate(world, id)
  expect(summarizeRound(round)).toEqual({ holds: ['timeout-too-short'], remedy: 'raise-timeout', targets: failed })

  await approve(world, id, round)
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  await untilAllCompleted(world, runs)
  const { transcode, ...others } = await timeouts()
  expect(transcode).toBeGreaterThan(1500)
  expect(others).toEqual(Object.fromEntries(Object.entries(before).filter(([type]) => type !== 'transcode')))
  await world.installation.maestro(['heal', 'timeout-too-short'])
})

test('when a service is down, the retry waits until the service is healthy and changes no timeout', async () => {
  const before = await timeouts()
  const runs = await world.fault('dependency-down')
  const id = await trigger(world, 'task-failure', { since: '10m' })
  const round = await untilGate(world, id)
  expect(summarizeRound(round)).toEqual({
    holds: ['dependency-down'],
    remedy: 'retry-when-healthy',
    targets: [...runs].sort(),
  })

  await approve(world, id, round)
  await untilNotified(id)
  // The remedy is approved and the service is still down, so no run has been retried.
  expect(await failedRuns()).toEqual([...runs].sort())
  await world.installation.maestro(['heal', 'dependency-down'])
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(closed.rounds[0]!.effects.map(({ result }) => result)).toEqual(['applied', 'applied', 'applied', 'applied'])
  await untilAllCompleted(world, runs)
  expect(await timeouts()).toEqual(before)
})

test('both causes at once take two rounds of one incident, the service first, and each remedy has only its own runs as targets', async () => {
  const slow = await world.fault('timeout-too-short')
  const timedOut = await failedRuns()
  const refused = await world.fault('dependency-down')
  const id = await trigger(world, 'task-failure', { since: '2m' })
  const first = await untilGate(world, id)
  expect(summarizeRound(first)).toEqual({
    holds: ['dependency-down'],
    remedy: 'retry-when-healthy',
    targets: [...refused].sort(),
  })
  await approve(world, id, first)
  await untilNotified(id)
  await world.installation.maestro(['heal', 'dependency-down'])

  const second = await untilGate(world, id, 2)
  expect(summarizeRound(second)).toEqual({ holds: ['timeout-too-short'], remedy: 'raise-timeout', targets: timedOut })
  await approve(world, id, second)
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }, { verified: true }] })
  expect(closed.rounds).toHaveLength(2)
  await untilAllCompleted(world, [...slow, ...refused])
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

/** Waits until the remedy has started: its first action notifies the channel. */
async function untilNotified(id: string): Promise<void> {
  await until('the notification of the remedy is applied', async () => {
    const { rows } = await world.engine.query(
      `SELECT 1 FROM runbook.effects WHERE gate LIKE $1 || '.r%' AND action LIKE '%notify%' AND result = 'applied'`,
      [id],
    )
    return rows.length > 0 ? true : undefined
  })
}
