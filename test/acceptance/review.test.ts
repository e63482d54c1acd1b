import { Client, Connection, WorkflowNotFoundError } from '@temporalio/client'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { approve, review, trigger, untilClosed, untilGate } from './operator.ts'
import { until } from './until.ts'
import { openWorld, workflowOf, type World } from './world.ts'

let world: World

beforeAll(async () => {
  world = await openWorld(inject('stack'))
})
afterAll(() => world?.close())

test('the review is complete, and identical after Temporal has deleted the workflow', async () => {
  await world.fault('queue-paused')
  const id = await trigger(world, 'stuck-run', { threshold: '5s' })
  expect((await world.runbook(['ack', id])).code).toBe(0)
  expect((await world.runbook(['note', id, 'Somebody paused it for the migration.'])).code).toBe(0)
  const round = await untilGate(world, id)
  await approve(world, id, round)
  expect(await untilClosed(world, id)).toMatchObject({ outcome: 'resolved' })

  const beforeDeletion = { md: await markdown(id), json: await review(world, id) }
  await deleteWorkflow(id)
  expect({ md: await markdown(id), json: await review(world, id) }).toEqual(beforeDeletion)

  const { json, md } = beforeDeletion
  const kinds = json.timeline.map((entry) => entry.kind)
  for (const kind of [
    'opened',
    'acknowledged',
    'note',
    'check',
    'proposal',
    'decision',
    'recheck',
    'permit',
    'effect',
    'verified',
    'closed',
  ])
    expect(kinds).toContain(kind)
  expect(json.chainFaults).toEqual([])
  expect(json.timeToResolveMs).toBeGreaterThan(0)
  expect(json.timeToAcknowledgeMs).toBeLessThan(json.timeToResolveMs!)
  expect(json.incident.rounds[0]!.gate!.decisions).toMatchObject([{ person: 'operator', decision: 'approve' }])
  expect(json.evidence.map(({ place }) => place)).toEqual(
    expect.arrayContaining(['r1/check/stuckRuns', 'r1/recheck1/queue', 'r1/verify/queueAfter', 'r1/after/stuckRuns']),
  )
  for (const expected of [
    'queue-paused',
    'ruled out',
    'Somebody paused it',
    'operator',
    'applied',
    'the chain of events is intact',
    round.gate!.proposalDigest,
  ])
    expect(md).toContain(expected)
})

async function markdown(id: string): Promise<string> {
  const { code, out } = await world.runbook(['review', id])
  expect(code).toBe(0)
  return out
}

/** Deletes the workflow with its history, as Temporal does after the retention period. */
async function deleteWorkflow(id: string): Promise<void> {
  const { address, namespace } = world.installation.stack.temporal
  const connection = await Connection.connect({ address })
  try {
    const workflowExecution = await workflowOf(world, id)
    await connection.workflowService.deleteWorkflowExecution({ namespace, workflowExecution })
    const handle = new Client({ connection, namespace }).workflow.getHandle(workflowExecution.workflowId)
    await until('Temporal has deleted the workflow', async () =>
      handle.describe().then(
        () => undefined,
        (error: unknown) => (error instanceof WorkflowNotFoundError ? true : undefined),
      ),
    )
  } finally {
    await connection.close()
  }
}
