import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, trigger, untilClosed, untilGate } from './operator.ts'
import { readLogs, runRecords, untilAllCompleted } from './maestro-records.ts'
import { summarizeRound } from './round-summary.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('a paused queue is resumed, and no workers are added', async () => {
  const runs = await world.fault('queue-paused')
  const id = await trigger(world, 'queue-congestion', { oldest: '5s' })
  const round = await untilGate(world, id)
  expect(summarizeRound(round)).toEqual({ holds: ['queue-paused'], remedy: 'resume-queue', targets: ['-'] })

  await approve(world, id, round)
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({
    outcome: 'resolved',
    exit: 0,
    rounds: [{ verified: true, effects: [{ result: 'applied' }] }],
  })
  await untilAllCompleted(world, runs)
})

test('a job that crashes workers is quarantined, and the other runs complete', async () => {
  const runs = await world.fault('poison-pill')
  const poison = await poisonOf(runs)
  const others = runs.filter((run) => run !== poison)
  const pill = `${poison}__render__a1`
  const id = await trigger(world, 'queue-congestion', { length: '20', oldest: '10s' })
  const round = await untilGate(world, id)
  expect(summarizeRound(round)).toEqual({ holds: ['poison-pill'], remedy: 'quarantine-job', targets: [pill] })

  await approve(world, id, round)
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(closed.rounds[0]!.effects).toMatchObject([{ target: pill, result: 'applied' }])
  await untilAllCompleted(world, others)
  expect((await runRecords(world, [poison])).statuses).toEqual({ FAILED: 1 })
})

test('a late trigger finds no backlog, only crashing workers, and names the same job', async () => {
  const [poison] = await startThumbnails(1, { width: 60_000, height: 60_000 })
  const [first, ...others] = await startThumbnails(6, { seconds: 1.2 })
  const pill = `${poison}__render__a1`
  await until('the poison pill has crashed workers, and the other runs are COMPLETED', async () => {
    const crashes = readLogs(world.installation.root).filter(
      ({ event, last_job }) => event === 'process.crashed' && last_job === pill,
    )
    return crashes.length >= 3 && (await runRecords(world, [first!, ...others])).statuses.COMPLETED === 6
      ? true
      : undefined
  })
  const id = await trigger(world, 'queue-congestion', {})
  const round = await untilGate(world, id)
  expect(summarizeRound(round)).toEqual({ holds: ['poison-pill'], remedy: 'quarantine-job', targets: [pill] })
  await approve(world, id, round)
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved', exit: 0 })
})

async function poisonOf(runs: string[]): Promise<string> {
  const { rows } = await world.maestro.query<{ id: string }>(
    `SELECT id FROM runs WHERE id = ANY($1) AND (input #>> '{render,width}')::int > 10000`,
    [runs],
  )
  expect(rows).toHaveLength(1)
  return rows[0]!.id
}

/** Starts runs of the thumbnail workflow with this input for the render step. */
async function startThumbnails(count: number, render: Record<string, number>): Promise<string[]> {
  const response = await fetch(`${world.installation.env.MAESTRO_URL}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ workflow: 'thumbnail', count, input: { render } }),
  })
  return ((await response.json()) as { runs: string[] }).runs
}
