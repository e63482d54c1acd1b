import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { Secret } from '../../src/config/secret.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { mending, openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

let world: WorkflowWorld
/** The next answers of the webhook; after these it accepts every message. */
let answers: { status: number; headers?: Record<string, string> }[] = []
let requests: number[] = []
const webhook = createServer((request, response) => {
  request.resume().on('end', () => {
    requests.push(performance.now())
    const { status, headers } = answers.shift() ?? { status: 200 }
    response.writeHead(status, headers).end()
  })
})

const [update] = mending().actions
const message = {
  id: '0-notify',
  kind: 'notify',
  access: 'message' as const,
  with: { channel: { lit: 'oncall' }, message: { lit: 'they will be mended' } },
  once: true,
  timeoutMs: 20_000,
}

beforeAll(async () => {
  installRuntime('ERROR')
  await new Promise<void>((resolve) => webhook.listen(0, '127.0.0.1', resolve))
  const remedies = { mend: mending({ actions: [message, { ...update!, id: '1-sql.update' }] }) }
  world = await openWorkflowWorld(inject('stack'), [
    thingsPlan('telling', { remedies }),
    thingsPlan('hopeless', { causes: [] }),
  ])
  const url = `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/hook`
  const slack = new Secret(url, 'channel oncall', url, [])
  Object.assign(world.engine.config, { channels: { oncall: { slack }, 'platform-support': { slack } } })
  await world.startWorker()
})
afterEach(() => {
  answers = []
  requests = []
})
afterAll(async () => {
  await world?.close()
  webhook.closeAllConnections()
  webhook.close()
})

const FAILING = [{ status: 500 }, { status: 429, headers: { 'retry-after': '2' } }]

test('a message that fails at first is delivered by the worker, after the pause that the channel asks for', async () => {
  answers = [...FAILING]
  await world.addThings('a', 'a1')
  const id = await world.open('telling', 'a')
  await world.decide(await world.atGate(id))
  const closed = await world.closed(id)
  expect(closed).toMatchObject({ outcome: 'resolved' })
  expect(closed.rounds[0]!.effects[0]).toMatchObject({ result: 'applied', detail: 'notified oncall' })
  expect(requests).toHaveLength(3)
  expect(requests[2]! - requests[1]!).toBeGreaterThan(1_900)
})

test('an escalation that fails at first is delivered by the worker, once, after the pause that the channel asks for', async () => {
  answers = [...FAILING]
  await world.addThings('b', 'b1')
  const id = await world.open('hopeless', 'b')
  expect(await world.closed(id)).toMatchObject({ outcome: 'escalated' })
  expect(requests).toHaveLength(3)
  expect(requests[2]! - requests[1]!).toBeGreaterThan(1_900)
  const { timeline } = await reviewIncident(world.engine.database, id)
  expect(timeline.filter(({ kind }) => kind === 'escalation').map(({ text }) => text)).toEqual([
    expect.not.stringContaining('not notified'),
  ])
})
