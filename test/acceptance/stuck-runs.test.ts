import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, review, trigger, untilClosed, untilGate } from './operator.ts'
import { untilAllCompleted, untilStuck } from './maestro-records.ts'
import { summarizeRound } from './round-summary.ts'
import { until } from './until.ts'
import { openWorld, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('after all workers were killed new workers are started, their stalled check recovers the jobs, and no run is set to FAILED', async () => {
  const runs = await world.fault('workers-killed')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  expect(summarizeRound(round)).toEqual({ holds: ['workers-killed'], remedy: 'start-workers', targets: ['-'] })

  await approve(world, id, round)
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(closed.rounds[0]!.effects).toMatchObject([{ target: '-', result: 'applied' }])
  await untilAllCompleted(world, runs)
  const { rows } = await world.maestro.query('SELECT DISTINCT attempt FROM runs WHERE id = ANY($1)', [runs])
  expect(rows).toEqual([{ attempt: 1 }])
})

test('when no worker checks for stalled jobs, exactly the runs of stalled jobs are set to FAILED, and recovery restarts them', async () => {
  const runs = await world.fault('stalled-nobody-checks')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  expect(summarizeRound(round)).toEqual({
    holds: ['stalled-nobody-checks'],
    remedy: 'fail-stalled-runs',
    targets: [...runs].sort(),
  })

  await approve(world, id, round)
  const closed = await untilClosed(world, id)
  expect(closed).toMatchObject({ outcome: 'resolved', exit: 0, rounds: [{ verified: true }] })
  expect(closed.rounds[0]!.effects.map(({ target, result }) => `${target} ${result}`).sort()).toEqual(
    [...runs].sort().map((run) => `${run} applied`),
  )
  await untilAllCompleted(world, runs)
  const ledger = await world.maestro.query('SELECT count(*)::int AS entries FROM runbook_ledger.effects')
  expect(ledger.rows).toEqual([{ entries: 3 }])
  await world.installation.maestro(['heal', 'stalled-nobody-checks'])
})

test('a paused queue is resumed, and no run is changed', async () => {
  const runs = await world.fault('queue-paused')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
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

test('when the orchestrator is down it is restarted with the command from the guide', async () => {
  const runs = await startRuns(3)
  await world.installation.maestro(['stop', 'orchestrator'])
  await untilStuck(world, runs)
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  const round = await untilGate(world, id)
  expect(summarizeRound(round)).toEqual({
    holds: ['orchestrator-down'],
    remedy: 'restart-orchestrator',
    targets: ['-'],
  })

  await approve(world, id, round)
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved', exit: 0 })
  await untilAllCompleted(world, runs)
})

test('when no cause is found nothing is proposed, the channel is notified, and the evidence is stored', async () => {
  const runs = await startRuns(3)
  const blocker = await world.maestro.connect()
  try {
    await blocker.query('BEGIN')
    await blocker.query('SELECT 1 FROM runs WHERE id = ANY($1) FOR UPDATE', [runs])
    await untilStuck(world, runs)
    const id = await trigger(world, 'stuck-run', { threshold: '5s' })
    const closed = await untilClosed(world, id)
    expect(closed).toMatchObject({ outcome: 'escalated', exit: 5 })
    expect(closed.rounds).toHaveLength(1)
    expect(summarizeRound(closed.rounds[0]!)).toEqual({ holds: [], remedy: null, targets: [] })

    const about = () => world.slack.messages.filter((text) => text.startsWith(`${id}: 3 runs are stuck`))
    const notifications = await until('the escalation is delivered', async () =>
      about().length > 0 ? about() : undefined,
    )
    expect(world.slack.rejections).toEqual([])
    expect(notifications).toHaveLength(1)
    expect(notifications[0]).toContain(runs[0])
    expect(notifications[0]).toContain(`runbook show ${id}`)
    const { evidence } = await review(world, id)
    // The checks ran again twice before the incident was escalated.
    expect(evidence).toHaveLength(15)
    expect([...new Set(evidence.map(({ name, status }) => `${name} ${status}`))].sort()).toEqual([
      'jobs ok',
      'logs ok',
      'orchestrator ok',
      'queue ok',
      'stuckRuns ok',
    ])
    const stuckRuns = evidence.find(({ name }) => name === 'stuckRuns')!.body as { result: { rows: { id: string }[] } }
    expect(stuckRuns.result.rows.map((row) => row.id).sort()).toEqual([...runs].sort())
  } finally {
    await blocker.query('ROLLBACK')
    blocker.release(true)
  }
  await untilAllCompleted(world, runs)
})

/** Starts healthy runs and waits until a worker runs each of them. */
async function startRuns(count: number): Promise<string[]> {
  const printed = await world.installation.maestro(['load', '--runs', String(count)])
  const runs = printed.trim().split('\n')
  await until('the runs are RUNNING', async () => {
    const { rows } = await world.maestro.query(`SELECT 1 FROM runs WHERE id = ANY($1) AND status = 'RUNNING'`, [runs])
    return rows.length === count ? true : undefined
  })
  return runs
}
