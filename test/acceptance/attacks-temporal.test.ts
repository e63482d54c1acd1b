import { randomUUID } from 'node:crypto'
import { fileURLToPath } from 'node:url'
import { Client, Connection } from '@temporalio/client'
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { readPlan } from '../../src/history/plans.ts'
import { diagnoseQueue, remediateQueue } from '../../src/temporal/names.ts'
import { QUIET, quietTemporal } from '../support/quiet-temporal.ts'
import { openAttackWorld, type AttackWorld } from './attack-world.ts'
import { approve, show, trigger, untilClosed, untilGate } from './operator.ts'
import { until } from './until.ts'
import { workflowOf } from './world.ts'

/** These tests attack as somebody who can reach Temporal's port, which needs no login here, and who has no other access. */
let world: AttackWorld
let client: Client
let rogue: { worker: Worker; connection: NativeConnection; running: Promise<void> }
const DIAGNOSE = diagnoseQueue('runbook')
const REMEDIATE = remediateQueue('runbook')

beforeAll(async () => {
  quietTemporal()
  const stack = inject('stack')
  world = await openAttackWorld(stack)
  const { namespace } = world.installation.stack.temporal
  client = new Client({ connection: await Connection.connect({ address: stack.temporalAddress }), namespace })
  const connection = await NativeConnection.connect({ address: stack.temporalAddress })
  const worker = await Worker.create({
    ...{ connection, namespace, taskQueue: 'rogue', shutdownForceTime: '1s' },
    workflowBundle: await bundleWorkflowCode({
      workflowsPath: fileURLToPath(new URL('../support/untrusted-workflow.ts', import.meta.url)),
      logger: QUIET,
    }),
  })
  rogue = { worker, connection, running: worker.run() }
}, 240_000)

afterAll(async () => {
  rogue?.worker.shutdown()
  await rogue?.running
  await rogue?.connection.close()
  await client?.connection.close()
  await world?.close()
})

/** Calls an activity of the engine from a workflow that the attacker wrote. */
function call(queue: string, name: string, ...args: unknown[]): Promise<string> {
  return client.workflow.execute('callActivity', {
    workflowId: `rogue-${randomUUID()}`,
    taskQueue: 'rogue',
    args: [queue, name, args],
  })
}

const update = (run: string) => ({
  id: '1-sql.update',
  kind: 'sql.update',
  access: 'write',
  target: run,
  with: { connection: 'maestro-db', table: 'runs', where: { id: run }, set: { failure_reason: 'owned' } },
})

test('a workflow on another task queue can propose, record, apply, escalate and close nothing', async () => {
  await world.addRun('coveted')
  const id = await world.atGate('coveted')
  const before = await untilGate(world, id)
  const { proposal, proposalDigest } = before.gate!
  const forged = {
    ...{ gate: `${id}.r2`, round: 2, cause: 'unseen', because: 'nothing to see here', remedy: 'mark' },
    ...{ title: 'Mark the run as seen', risk: 'low', actions: [update('coveted')], affected: 1, findings: [] },
    ...{ targets: [{ key: 'coveted', item: { id: 'coveted' } }], limits: { maxTargets: 100 }, escalateTo: ['viewer'] },
    approval: { auto: false, by: ['viewer'], count: 1, withinMs: 600_000, onTimeout: 'reject', validForMs: 600_000 },
  }
  const recheck = { round: 1, holds: true, because: '', targets: ['coveted'], skipped: {} }
  const application = { gate: `${id}.r1`, proposalDigest, action: '1-sql.update', target: 'coveted', timeoutMs: 5_000 }
  const answers = await Promise.all([
    call(DIAGNOSE, 'propose', id, forged),
    call(DIAGNOSE, 'propose', id, { ...forged, gate: `${id}.r1`, round: 1 }),
    call(DIAGNOSE, 'record', id, 'r1/recheck1', 'recheck', recheck),
    call(DIAGNOSE, 'escalate', id, { place: 'r1/escalation', to: ['platform-support'], message: 'm', reason: 'r' }),
    call(DIAGNOSE, 'close', id, { outcome: 'resolved', reason: 'everything is fine' }),
    call(REMEDIATE, 'apply', { ...application, recheckedAt: new Date().toISOString() }),
  ])
  for (const answer of answers) expect(answer).toMatch(/^refused: .*not the workflow that this engine started/)
  expect(await untilGate(world, id)).toMatchObject({ gate: { proposal, proposalDigest, state: 'open' } })
  expect(await world.changes('coveted')).toEqual({ count: 0, reason: 'no space left' })
  expect(world.slack.messages.filter((message) => message.includes(id))).toEqual([])
  await world.resolveAnother()
  await world.expectUnharmed()
})

test('a workflow of the incident’s own type, on the engine’s own queue, with an id like the next incident’s, changes nothing', async () => {
  await world.addRun('squatted')
  const [last] = (
    await world.engine.query<{ number: string; plan: string }>(
      `SELECT number, plan_digest AS plan FROM runbook.incidents WHERE runbook = 'marking' ORDER BY number DESC LIMIT 1`,
    )
  ).rows
  const next = `INC-${Number(last!.number) + 1}`
  const plan = await readPlan(world.engine, last!.plan)
  const weaker = { ...plan, remedies: { mark: { ...plan.remedies['mark']!, approval: { auto: true } } } }
  const start = { incident: next, planDigest: last!.plan, inputs: { run: 'squatted' } }
  const squatters = await Promise.all(
    [next, `${next}/`, `${next}/squatted`].map((workflowId) =>
      client.workflow.start('runbook.marking', { workflowId, taskQueue: DIAGNOSE, args: [weaker, start] }),
    ),
  )
  const id = await trigger(world, 'marking', { run: 'squatted' })
  expect(id).toBe(next)
  const round = await untilGate(world, id)
  expect(round.gate!.proposal.approval).toMatchObject({ auto: false, by: ['oncall'] })
  for (const squatter of squatters) await expect(squatter.result()).rejects.toThrow()
  expect(await world.changes('squatted')).toEqual({ count: 0, reason: 'no space left' })
  await approve(world, id, round)
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved' })
  expect(await world.changes('squatted')).toEqual({ count: 1, reason: 'seen' })
  await world.expectUnharmed()
})

test('signals that hold no token, and signals of 1.9 MB, keep no approval from taking effect', async () => {
  await world.addRun('signalled')
  const id = await world.atGate('signalled')
  const handle = client.workflow.getHandle((await workflowOf(world, id)).workflowId)
  for (const payload of [42, null, { token: 'x' }, ['x'], true, 'x'.repeat(1_900_000), 'x'.repeat(1_900_000)])
    await handle.signal('decision', payload)
  await handle.signal('wake', { not: 'expected' })
  expect(await show(world, id)).toMatchObject({ rounds: [{ gate: { state: 'open', decisions: [] } }] })
  await approve(world, id, await untilGate(world, id))
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved' })
  expect(await world.changes('signalled')).toEqual({ count: 1, reason: 'seen' })
  await world.expectUnharmed()
})

/** Waits until the incident's workflow waits for this activity, and answers in its place. */
async function answerFor(incident: string, activity: string, answer: unknown): Promise<void> {
  const { workflowId, runId } = await workflowOf(world, incident)
  const activityId = await until(`${incident} waits for ${activity}`, async () => {
    const { raw } = await client.workflow.getHandle(workflowId, runId).describe()
    return raw.pendingActivities?.find((one) => one.activityType?.name === activity)?.activityId ?? undefined
  })
  await client.activity.complete({ workflowId, runId, activityId }, answer)
}

test('an outsider who answers for the verification cannot make an incident resolved', async () => {
  await world.addRun('unverified', { step: 'blocked' })
  const id = await world.atGate('unverified')
  await approve(world, id, await untilGate(world, id))
  await answerFor(id, 'poll', { held: true, cancelled: false, detail: 'it helped', tookMs: 1 })
  const closed = await untilClosed(world, id)
  expect(closed.outcome).toBe('failed')
  expect(closed.reason).toMatch(/not verified by the last sample|no evidence/)
  // Messages are delivered after they were stored, so this one may come after the end of the incident.
  await until('the escalation is sent', async () =>
    world.slack.messages.some((text) => text.startsWith(id) && text.includes('the engine could not continue'))
      ? true
      : undefined,
  )
  await world.expectUnharmed()
})

test('an outsider who answers for an effect changes neither what is applied nor what is recorded about it', async () => {
  await world.addRun('answered')
  const id = await world.atGate('answered')
  // The write waits for this lock.
  const holder = await world.maestro.connect()
  await holder.query('BEGIN')
  await holder.query(`SELECT FROM runs WHERE id = 'answered' FOR UPDATE`)
  await approve(world, id, await untilGate(world, id))
  await until('the message of the remedy is sent', async () =>
    world.slack.messages.some((message) => message.includes('answered failed')) ? true : undefined,
  )
  await answerFor(id, 'apply', { result: 'applied', detail: 'trust me' })
  await holder.query('ROLLBACK')
  holder.release()
  const closed = await untilClosed(world, id)
  const { count, reason } = await world.changes('answered')
  expect(count).toBeLessThanOrEqual(1)
  expect(closed.outcome === 'resolved').toBe(count === 1 && reason === 'seen')
  const effects = closed.rounds.flatMap((round) => round.effects).filter(({ action }) => action === '1-sql.update')
  expect(effects.map(({ detail }) => detail).join()).not.toContain('trust me')
  await world.resolveAnother()
  await world.expectUnharmed()
})
