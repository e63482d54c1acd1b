import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, trigger, untilClosed, untilGate } from './person.ts'
import { readLogs, tracesOf, untilAllFinished } from './traces.ts'
import { treated } from './treated.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('a paused queue is resumed; nothing is scaled', async () => {
  const runs = await world.fault('queue-paused')
  const id = await trigger(world, 'queue-congestion', { oldest: '5s' })
  const round = await untilGate(world, id)
  expect(treated(round)).toEqual({ holds: ['queue-paused'], remedy: 'resume-queue', targets: ['-'] })

  await approve(world, id, round)
  const end = await untilClosed(world, id)
  expect(end).toMatchObject({
    outcome: 'resolved',
    exit: 0,
    rounds: [{ verified: true, effects: [{ result: 'applied' }] }],
  })
  await untilAllFinished(world, runs)
})

test('a job that crashes its workers is taken out and kept, and its innocent neighbours finish', async () => {
  const runs = await world.fault('poison-pill')
  const poison = await poisonOf(runs)
  const neighbours = runs.filter((run) => run !== poison)
  const pill = `${poison}__render__a1`
  const id = await trigger(world, 'queue-congestion', { length: '20', oldest: '10s' })
  const round = await untilGate(world, id)
  expect(treated(round)).toEqual({ holds: ['poison-pill'], remedy: 'quarantine-job', targets: [pill] })

  await approve(world, id, round)
  const end = await untilClosed(world, id)
  expect(end).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(end.rounds[0]!.effects).toMatchObject([{ target: pill, result: 'applied' }])
  await untilAllFinished(world, neighbours)
  expect((await tracesOf(world, [poison])).statuses).toEqual({ FAILED: 1 })
})

test('who comes late finds no backlog any more, only workers that crash: the same job is named', async () => {
  const [poison] = await start(1, { width: 60_000, height: 60_000 })
  const [neighbour, ...others] = await start(6, { seconds: 1.2 })
  const pill = `${poison}__render__a1`
  await until('the pill has crashed workers, and the queue is short', async () => {
    const crashes = readLogs(world.installation.root).filter(
      ({ event, last_job }) => event === 'process.crashed' && last_job === pill,
    )
    return crashes.length >= 3 && (await tracesOf(world, [neighbour!, ...others])).statuses.COMPLETED === 6
      ? true
      : undefined
  })
  const id = await trigger(world, 'queue-congestion', {})
  const round = await untilGate(world, id)
  expect(treated(round)).toEqual({ holds: ['poison-pill'], remedy: 'quarantine-job', targets: [pill] })
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

/** Runs of the workflow that renders, with this input for it. */
async function start(count: number, render: Record<string, number>): Promise<string[]> {
  const response = await fetch(`${world.installation.env.MAESTRO_URL}/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ workflow: 'thumbnail', count, input: { render } }),
  })
  return ((await response.json()) as { runs: string[] }).runs
}
