import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { Secret } from '../../src/config/secret.ts'
import { auditHistory } from '../../src/engine/audit/audit.ts'
import { deliverAgain } from '../../src/engine/deliver.ts'
import { reconcile } from '../../src/engine/reconcile.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { acceptIncident } from '../../src/history/accept.ts'
import { closeIncident } from '../../src/history/close.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { mending, openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

let world: WorkflowWorld
/** The next answers of the webhook; after these it accepts every message. */
let answers: { status: number; headers?: Record<string, string> }[] = []
let requests: number[] = []
/** While this is true, the webhook accepts connections and does not answer. */
let silent = false
const webhook = createServer((request, response) => {
  if (silent) return
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

const textsOf = async (id: string, ...kinds: string[]) =>
  (await reviewIncident(world.engine.database, id)).timeline
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ text }) => text)
const waiting = async () => (await world.engine.database.query('SELECT FROM runbook.deliveries')).rowCount
const change = (set: string) => world.history.superuser.query(`UPDATE runbook.deliveries SET ${set}`)

/** Sends what is due, as every worker does every two seconds, until nothing waits any more. */
const deliverAll = () =>
  expect
    .poll(
      async () => {
        await deliverAgain(world.engine)
        return waiting()
      },
      { timeout: 15_000 },
    )
    .toBe(0)

describe('an escalation to a channel that does not accept it', () => {
  test('does not keep its incident open, and is delivered later, once, after the pause that the channel asks for', async () => {
    answers = [...FAILING]
    await world.addThings('b', 'b1')
    const id = await world.open('hopeless', 'b')
    expect(await world.closed(id)).toMatchObject({ outcome: 'escalated' })
    expect(requests).toHaveLength(1)
    expect(await textsOf(id, 'escalation')).toEqual([expect.stringMatching(/not notified yet: .* answered 500/)])
    await deliverAll()
    expect(requests).toHaveLength(3)
    expect(requests[2]! - requests[1]!).toBeGreaterThan(1_900)
    expect(await textsOf(id, 'delivery')).toEqual([
      expect.stringMatching(/^platform-support got the message after [\d.]+ ?m?s$/),
    ])
    expect((await auditHistory(world.engine.database, world.engine.keyring)).faults).toEqual([])
  })

  test('that never answers closes within seconds', async () => {
    silent = true
    await world.addThings('c', 'c1')
    const started = performance.now()
    const id = await world.open('hopeless', 'c')
    expect(await world.closed(id)).toMatchObject({ outcome: 'escalated' })
    expect(performance.now() - started).toBeLessThan(12_000)
    silent = false
    await change('next_at = now()')
    await deliverAll()
    expect(await textsOf(id, 'delivery')).toHaveLength(1)
  })

  test('is sent by one of several processes at a time', async () => {
    answers = [{ status: 500 }]
    await world.addThings('d', 'd1')
    const id = await world.open('hopeless', 'd')
    await world.closed(id)
    await change('next_at = now()')
    await Promise.all(Array.from({ length: 5 }, () => deliverAgain(world.engine)))
    expect(requests).toHaveLength(2)
    expect(await textsOf(id, 'delivery')).toHaveLength(1)
  })

  test('is given up after an hour, and the history says so', async () => {
    answers = [{ status: 500 }, { status: 500 }]
    await world.addThings('e', 'e1')
    const id = await world.open('hopeless', 'e')
    await world.closed(id)
    await change(`next_at = now(), since = now() - interval '61 minutes'`)
    await deliverAgain(world.engine)
    expect(await textsOf(id, 'delivery')).toEqual([
      'platform-support did not get the message, which is no longer sent: channel platform-support answered 500',
    ])
    expect(await waiting()).toBe(0)
  })
})

test('a failure that the reconciler announces is delivered in the same way', async () => {
  answers = [{ status: 500 }]
  const { incident } = await acceptIncident(world.engine.database, {
    ...{ type: 'hopeless', runbook: 'hopeless', key: 'lost', inputs: { group: 'f' }, requester: 'person:operator' },
    planDigest: world.engine.catalogue.byName.get('hopeless')!.planDigest,
  })
  await closeIncident(world.engine.database, { incident, outcome: 'failed', reason: 'its workflow was terminated' })
  await reconcile(world.engine)
  await expect.poll(() => textsOf(incident, 'escalation')).toEqual([expect.stringContaining('not notified yet')])
  await deliverAll()
  expect(requests).toHaveLength(2)
})

test('an incident that was escalated without a record of it is announced by the reconciler', async () => {
  const { incident } = await acceptIncident(world.engine.database, {
    ...{ type: 'hopeless', runbook: 'hopeless', key: 'silenced', inputs: { group: 'h' }, requester: 'person:operator' },
    planDigest: world.engine.catalogue.byName.get('hopeless')!.planDigest,
  })
  await closeIncident(world.engine.database, { incident, outcome: 'escalated', reason: 'no known cause holds' })
  await reconcile(world.engine)
  expect(await textsOf(incident, 'escalation')).toEqual([
    expect.stringMatching(/^escalated to platform-support: .*no known cause holds/),
  ])
  expect(requests).toHaveLength(1)
})
