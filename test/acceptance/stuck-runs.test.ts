import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, review, trigger, untilClosed, untilGate } from './person.ts'
import { untilAllFinished, untilStuck } from './traces.ts'
import { treated } from './treated.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('workers killed, none left: new workers are started, whose stall check hands the jobs on, and no run is failed', async () => {
  const runs = await world.fault('workers-killed')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  expect(treated(round)).toEqual({ holds: ['workers-killed'], remedy: 'start-workers', targets: ['-'] })

  await approve(world, id, round)
  const end = await untilClosed(world, id)
  expect(end).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(end.rounds[0]!.effects).toMatchObject([{ target: '-', result: 'applied' }])
  await untilAllFinished(world, runs)
  const { rows } = await world.maestro.query('SELECT DISTINCT attempt FROM runs WHERE id = ANY($1)', [runs])
  expect(rows).toEqual([{ attempt: 1 }])
})

test('stalled jobs that nobody checks: exactly their runs are failed, and recovery starts them again', async () => {
  const runs = await world.fault('stalled-nobody-checks')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  expect(treated(round)).toEqual({
    holds: ['stalled-nobody-checks'],
    remedy: 'fail-stalled-runs',
    targets: [...runs].sort(),
  })

  await approve(world, id, round)
  const end = await untilClosed(world, id)
  expect(end).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(end.rounds[0]!.effects.map(({ target, result }) => `${target} ${result}`).sort()).toEqual(
    [...runs].sort().map((run) => `${run} applied`),
  )
  await untilAllFinished(world, runs)
  const ledger = await world.maestro.query('SELECT count(*)::int AS entries FROM runbook_ledger.effects')
  expect(ledger.rows).toEqual([{ entries: 3 }])
  await world.installation.maestro(['heal', 'stalled-nobody-checks'])
})

test('a paused queue: it is resumed, and no run is touched', async () => {
  const runs = await world.fault('queue-paused')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
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

test('the orchestrator is down: it is restarted by the command that the guide names', async () => {
  const runs = await load(3)
  await world.installation.maestro(['stop', 'orchestrator'])
  await untilStuck(world, runs)
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  expect(treated(round)).toEqual({ holds: ['orchestrator-down'], remedy: 'restart-orchestrator', targets: ['-'] })

  await approve(world, id, round)
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved', exit: 0 })
  await untilAllFinished(world, runs)
})

test('a cause that no runbook knows: nothing is proposed, the channel is told, and the evidence is attached', async () => {
  const runs = await load(3)
  const blocker = await world.maestro.connect()
  try {
    await blocker.query('BEGIN')
    await blocker.query('SELECT 1 FROM runs WHERE id = ANY($1) FOR UPDATE', [runs])
    await untilStuck(world, runs)
    const id = await trigger(world, 'stuck-run', { threshold: '5s' })
    const end = await untilClosed(world, id)
    expect(end).toMatchObject({ outcome: 'escalated', exit: 5 })
    expect(end.rounds).toHaveLength(1)
    expect(treated(end.rounds[0]!)).toEqual({ holds: [], remedy: null, targets: [] })

    expect(world.slack.complaints).toEqual([])
    const told = world.slack.messages.filter((text) => text.startsWith(`${id}: 3 runs are stuck`))
    expect(told).toHaveLength(1)
    expect(told[0]).toContain(runs[0])
    expect(told[0]).toContain(`runbook show ${id}`)
    const { evidence } = await review(world, id)
    expect(evidence.map(({ name, status }) => `${name} ${status}`).sort()).toEqual([
      'jobs ok',
      'logs ok',
      'orchestrator ok',
      'queue ok',
      'stuckRuns ok',
    ])
    const seen = evidence.find(({ name }) => name === 'stuckRuns')!.body as { result: { rows: { id: string }[] } }
    expect(seen.result.rows.map((row) => row.id).sort()).toEqual([...runs].sort())
  } finally {
    await blocker.query('ROLLBACK')
    blocker.release(true)
  }
  await untilAllFinished(world, runs)
})

/** Healthy runs that take a while; waits until a worker has each. */
async function load(count: number): Promise<string[]> {
  const printed = await world.installation.maestro(['load', '--runs', String(count)])
  const runs = printed.trim().split('\n')
  await until('the runs have begun', async () => {
    const { rows } = await world.maestro.query(`SELECT 1 FROM runs WHERE id = ANY($1) AND status = 'RUNNING'`, [runs])
    return rows.length === count ? true : undefined
  })
  return runs
}
