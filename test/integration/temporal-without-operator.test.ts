import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { readWorkflow } from '../../src/history/incidents.ts'
import { readTemporalStatus } from '../../src/temporal/temporal-status.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { startTemporalProxy } from '../support/temporal-proxy.ts'
import { openWorkflowWorld, TASK_QUEUE, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

let world: WorkflowWorld
let proxy: Awaited<ReturnType<typeof startTemporalProxy>>

beforeAll(async () => {
  installRuntime('ERROR')
  const stack = inject('stack')
  proxy = await startTemporalProxy(stack.temporalAddress)
  world = await openWorkflowWorld({ ...stack, temporalAddress: proxy.address }, [thingsPlan('usual')])
})
afterAll(async () => {
  await world?.close()
  await proxy?.close()
})

test('a server that refuses its OperatorService runs incidents to their end, without search attributes', async () => {
  expect(world.engine.temporal.hasSearchAttributes).toBe(false)
  expect(proxy.refused.length).toBeGreaterThan(0)
  const worker = await world.startWorker()
  await world.addThings('a', 'a1')
  const id = await world.open('usual', 'a')
  await world.decide(await world.atGate(id))
  expect(await world.closed(id)).toMatchObject({ outcome: 'resolved' })
  const { workflowId } = await readWorkflow(world.engine.database, id)
  // A workflow that sets an attribute which is not registered would never end.
  const result = await world.engine.temporal.client.workflow.getHandle(workflowId).result()
  expect(result).toMatchObject({ outcome: 'resolved' })
  await worker.stop()
})

test('doctor reads the status of such a server', async () => {
  const { address, namespace } = world.engine.temporal
  const status = await readTemporalStatus({ address, namespace }, TASK_QUEUE, 10_000)
  expect(status).toMatchObject({ missingSearchAttributes: undefined, access: { isLocal: true, isEncrypted: false } })
})
