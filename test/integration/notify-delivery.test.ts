import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Channel } from '../../src/config/channels.ts'
import { Secret } from '../../src/config/secret.ts'
import type { NewEvent } from '../../src/core/events.ts'
import { DEFAULT_EVENTS, MESSAGE_EVENTS, type MessageEvent } from '../../src/core/message.ts'
import { auditHistory } from '../../src/engine/audit/audit.ts'
import { deliverMessages } from '../../src/engine/messages/deliver.ts'
import { showIncident } from '../../src/engine/views/show.ts'
import { reviewIncident } from '../../src/engine/views/review.ts'
import { wakeIncident } from '../../src/engine/incident-workflow.ts'
import { voidGate } from '../../src/gate/void-gate.ts'
import { acceptIncident } from '../../src/history/accept.ts'
import { closeIncident } from '../../src/history/close.ts'
import { readOutbox } from '../../src/history/outbox.ts'
import { storePlan } from '../../src/history/plans.ts'
import { transaction } from '../../src/history/database.ts'
import { recordEvents } from '../../src/history/record.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { startChannelServer, type ChannelServer } from '../support/channel-server.ts'
import { mending, openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

let world: WorkflowWorld
let server: ChannelServer

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
  server = await startChannelServer()
  const remedies = { mend: mending({ actions: [message, { ...update!, id: '1-sql.update' }] }) }
  world = await openWorkflowWorld(inject('stack'), [
    thingsPlan('telling', { remedies }),
    thingsPlan('usual'),
    thingsPlan('hopeless', { causes: [] }),
  ])
  for (const { plan, text } of world.engine.catalogue.runbooks) await storePlan(world.engine.database, plan, text)
  await world.startWorker()
})
afterEach(async () => {
  server.answers = []
  server.silent = false
  useChannels({})
  await deliverAll()
  server.requests = []
  await world.history.superuser.query('DELETE FROM runbook.outbox')
})
afterAll(async () => {
  await world?.close()
  await server?.close()
})

const slack = (path: string, events: readonly MessageEvent[] = DEFAULT_EVENTS): Channel => {
  const url = `${server.url}/${path}`
  return { kind: 'slack', url: new Secret(url, `channel ${path}`, url, []), events }
}
/** Replaces the configured channels; each is a webhook whose path is its name. */
function useChannels(channels: Record<string, readonly MessageEvent[]>, groups: Record<string, string[]> = {}): void {
  Object.assign(world.engine.config, {
    channels: Object.fromEntries(Object.entries(channels).map(([name, events]) => [name, slack(name, events)])),
    groups: Object.fromEntries(Object.entries(groups).map(([name, list]) => [name, { channels: list }])),
  })
}

const textsOf = async (id: string, ...kinds: string[]) =>
  (await reviewIncident(world.engine.database, id)).timeline
    .filter(({ kind }) => kinds.includes(kind))
    .map(({ text }) => text)
const count = async (sql: string) => (await world.engine.database.query(sql)).rowCount
const change = (set: string) => world.history.superuser.query(`UPDATE runbook.outbox SET ${set} WHERE ended_at IS NULL`)
const makeDue = () => change('next_at = now()')

/** Sends what is due, as every worker does every two seconds, until nothing waits any more. */
async function deliverAll(): Promise<void> {
  await expect
    .poll(
      async () => {
        await world.history.superuser.query('UPDATE runbook.outbox_events SET next_at = now()')
        await deliverMessages(world.engine)
        return [
          await count('SELECT FROM runbook.outbox_events'),
          await count('SELECT FROM runbook.outbox WHERE ended_at IS NULL'),
        ]
      },
      { timeout: 15_000 },
    )
    .toEqual([0, 0])
}

/** The first line of each message that a channel got, in order. */
const received = (channel: string) =>
  server.requests
    .filter(({ path }) => path === `/${channel}`)
    .map(({ body }) => (JSON.parse(body) as { text: string }).text.split('\n')[0])

const FAILING = [{ status: 502 }, { status: 429, headers: { 'retry-after': '2' } }]

/** An incident of the type `hopeless` that ended without its workflow. */
async function ended(key: string, outcome: 'failed' | 'escalated' | 'cleared', requester = 'person:operator') {
  const { incident } = await acceptIncident(world.engine.database, {
    ...{ type: 'hopeless', runbook: 'hopeless', key, inputs: { group: key }, requester },
    planDigest: world.engine.catalogue.byName.get('hopeless')!.planDigest,
  })
  await closeIncident(world.engine.database, { incident, outcome, reason: 'its workflow was terminated' })
  return incident
}

test('the text of an action "notify" is sent again after the pause that the channel asks for', async () => {
  useChannels({ oncall: [] })
  server.answers = [...FAILING]
  await world.addThings('a', 'a1')
  const id = await world.open('telling', 'a')
  await world.decide(await world.atGate(id))
  const closed = await world.closed(id)
  expect(closed).toMatchObject({ outcome: 'resolved' })
  expect(closed.rounds[0]!.effects[0]).toMatchObject({ result: 'applied', detail: 'notified oncall' })
  expect(server.requests).toHaveLength(3)
  expect(server.requests[2]!.at - server.requests[1]!.at).toBeGreaterThan(1_900)
})

test('what a channel answers is stored without secrets and without characters that cannot be stored, and its message is tried again', async () => {
  const secret = (text: string) => new Secret(text, 'the Slack app', text, [])
  const [token, signingSecret] = [secret('18f3c0d2a9e7-of-the-app'), secret('5b9e2c07f1d84a36-signs')]
  const app = { token, signingSecret, api: server.url }
  const echo: Channel = { kind: 'slackApp', app, channel: 'C1', events: DEFAULT_EVENTS }
  Object.assign(world.engine.config, { channels: { 'platform-support': echo } })
  const error = `no\0such token: ${token.reveal()} ${'x'.repeat(10_000)}`
  server.answer = () => ({ status: 200, body: JSON.stringify({ ok: false, error }) })
  const id = await ended('echoed', 'failed')
  await deliverMessages(world.engine)
  await world.history.superuser.query('UPDATE runbook.outbox_events SET next_at = now()')
  await deliverMessages(world.engine)
  const problem = async () =>
    (await world.engine.database.query('SELECT problem FROM runbook.outbox WHERE incident = $1', [id])).rows[0]?.problem
  expect(await problem()).toMatch(/^channel platform-support answered no\uFFFDsuch token: \*\*\* x+…$/)
  await change(`since = now() - interval '7 hours', next_at = now()`)
  await deliverMessages(world.engine)
  server.answer = () => ({ status: 200 })
  const [told] = await textsOf(id, 'delivery')
  expect(told).toContain('no\uFFFDsuch token: *** x')
})

describe('the messages about an incident', () => {
  test('tell each channel what it asks for, once, in words, and the requester learns the end', async () => {
    useChannels({ oncall: MESSAGE_EVENTS, pager: ['gate'], requester: ['opened'] }, { oncall: ['oncall', 'pager'] })
    world.engine.config.people.operator!.channels = ['requester']
    await world.addThings('g', 'g1', 'g2')
    const id = await world.open('usual', 'g')
    const waiting = await world.atGate(id)
    await deliverAll()
    await world.decide(waiting)
    await world.closed(id)
    await deliverAll()
    delete world.engine.config.people.operator!.channels
    expect(received('oncall')).toEqual([
      `${id}: opened: usual`,
      `${id}: needs a decision: ${waiting.rounds[0]!.gate!.proposal.title}`,
      `${id}: lead approved: ${waiting.rounds[0]!.gate!.proposal.title}`,
      expect.stringContaining(`${id}: verified: mend`),
      `${id}: closed: resolved`,
    ])
    expect(received('pager')).toEqual([`${id}: needs a decision: ${waiting.rounds[0]!.gate!.proposal.title}`])
    expect(received('requester')).toEqual([`${id}: closed: resolved`])
    expect(await textsOf(id, 'delivery')).toContainEqual(
      expect.stringMatching(/^requester got the message about the end of the incident after /),
    )
    expect((await auditHistory(world.engine.database, world.engine.keyring)).faults).toEqual([])
  })

  test('about an incident that clears by itself are none, except the one that it opened', async () => {
    useChannels({ 'platform-support': MESSAGE_EVENTS.filter((event) => event !== 'opened') })
    await ended('quiet', 'cleared')
    await deliverAll()
    expect(server.requests).toEqual([])
  })

  test('link to its page when the configuration has the address', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    Object.assign(world.engine.config, { url: 'https://runbook.example.com' })
    const id = await ended('linked', 'failed')
    await deliverAll()
    delete world.engine.config.url
    expect(server.requests[0]!.body).toContain(`https://runbook.example.com/incidents/${id}`)
  })

  test('wait while no worker runs: they are stored together with the event, or not at all', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    const id = await ended('stored', 'failed')
    const places = async () =>
      (
        await world.engine.database.query<{ place: string }>(
          'SELECT place FROM runbook.outbox_events WHERE incident = $1 ORDER BY number',
          [id],
        )
      ).rows.map(({ place }) => place)
    expect(await places()).toEqual(['opened', 'closed'])
    const data = { to: ['platform-support'], message: '', reason: '', notified: {} }
    const escalation: NewEvent = { place: 'r1/escalation', actor: 'engine', kind: 'escalation', data }
    const rolledBack = transaction(world.engine.database, async (connection) => {
      await recordEvents(connection, id, [escalation])
      throw new Error('the worker died')
    })
    await expect(rolledBack).rejects.toThrow('the worker died')
    expect(await places()).toEqual(['opened', 'closed'])
    await recordEvents(world.engine.database, id, [escalation])
    await recordEvents(world.engine.database, id, [escalation])
    expect(await places()).toEqual(['opened', 'closed', 'r1/escalation'])
  })
})

describe('a message that a gate waits', () => {
  const texts = { message: 'a gate waits', reason: 'half of the time has passed', notified: {} }
  /** An incident with a gate, and both messages about the gate's first round. */
  async function waiting(group: string): Promise<string> {
    await world.addThings(group, `${group}1`)
    const id = await world.open('usual', group)
    await world.atGate(id)
    useChannels({ oncall: MESSAGE_EVENTS, 'platform-support': MESSAGE_EVENTS })
    await recordEvents(world.engine.database, id, [
      { place: 'r1/gate/reminder', actor: 'engine', kind: 'reminder', data: { to: ['oncall'], ...texts } },
      { place: 'r1/gate', actor: 'engine', kind: 'escalation', data: { to: ['platform-support'], ...texts } },
    ])
    return id
  }
  const asking = (channel: string) => received(channel).filter((line) => line?.includes('a gate waits'))
  test('is sent while the gate is open', async () => {
    const id = await waiting('asks')
    await deliverAll()
    expect([asking('oncall').length, asking('platform-support').length]).toEqual([1, 1])
    await world.decide(await world.atGate(id))
    await world.closed(id)
  })

  test('is dropped when the gate was decided before the channel accepted it, also if a later gate waits', async () => {
    const id = await waiting('decided')
    await world.decide(await world.atGate(id), 'lead', { decision: 'reject' })
    await world.closed(id)
    await world.history.superuser.query(
      `INSERT INTO runbook.gates SELECT (jsonb_populate_record(g, jsonb_build_object('id', $1 || '.r2', 'round', 2, 'state', 'open'))).*
       FROM runbook.gates g WHERE id = $1 || '.r1'`,
      [id],
    )
    await deliverAll()
    expect([asking('oncall').length, asking('platform-support').length]).toEqual([0, 0])
    expect(await textsOf(id, 'delivery')).toEqual(
      expect.arrayContaining([expect.stringContaining('the gate is rejected by now')]),
    )
    // The audit at the end of other tests would find this gate.
    await world.history.superuser.query(
      `SET session_replication_role = replica; DELETE FROM runbook.gates WHERE round = 2; RESET session_replication_role`,
    )
  })

  test('still tells those to whom the gate was escalated that nobody decided at all', async () => {
    const id = await waiting('expired')
    const [gate, why] = [`${id}.r1`, 'twice unanswered']
    await world.history.superuser.query(`UPDATE runbook.gates SET state = 'expired', why = $2 WHERE id = $1`, [
      gate,
      why,
    ])
    await recordEvents(world.engine.database, id, [
      { place: 'r1/gate/expired', actor: 'engine', kind: 'gate', data: { gate, state: 'expired', why } },
    ])
    await deliverAll()
    expect([asking('oncall').length, asking('platform-support').length]).toEqual([0, 1])
    await closeIncident(world.engine.database, { incident: id, outcome: 'expired', reason: why })
  })
})

describe('an escalation to a channel that does not accept it', () => {
  test('does not keep its incident open, and is delivered later, once, after the pause that the channel asks for', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    server.answers = [...FAILING]
    await world.addThings('b', 'b1')
    const id = await world.open('hopeless', 'b')
    expect(await world.closed(id)).toMatchObject({ outcome: 'escalated' })
    expect(await textsOf(id, 'escalation')).toEqual([expect.stringMatching(/^escalated to platform-support: /)])
    await deliverMessages(world.engine)
    expect(await showIncident(world.engine.database, id)).toMatchObject({
      undelivered: [
        {
          channel: 'platform-support',
          about: 'the escalation',
          attempts: 1,
          givenUp: false,
          problem: expect.stringContaining('502'),
        },
      ],
    })
    expect((await readOutbox(world.engine.database)).waiting).toMatchObject([
      { channel: 'platform-support', messages: 1 },
    ])
    await makeDue()
    await deliverAll()
    expect(server.requests).toHaveLength(3)
    expect(server.requests[2]!.at - server.requests[1]!.at).toBeGreaterThan(1_900)
    expect(await textsOf(id, 'delivery')).toEqual([
      expect.stringMatching(/^platform-support got the message about the escalation after [\d.]+ ?m?s$/),
    ])
    expect(await showIncident(world.engine.database, id)).toMatchObject({ undelivered: [] })
    expect((await auditHistory(world.engine.database, world.engine.keyring)).faults).toEqual([])
  })

  test('that never answers does not delay the end of the incident', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    server.silent = true
    await world.addThings('c', 'c1')
    const id = await world.open('hopeless', 'c')
    expect(await world.closed(id)).toMatchObject({ outcome: 'escalated' })
    await deliverMessages(world.engine)
    expect(await textsOf(id, 'delivery')).toEqual([])
    server.silent = false
    await makeDue()
    await deliverAll()
    expect(await textsOf(id, 'delivery')).toHaveLength(1)
  })

  test('is sent by one of several processes at a time', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    const id = await ended('d', 'failed')
    await Promise.all(Array.from({ length: 5 }, () => deliverMessages(world.engine)))
    await deliverAll()
    expect(server.requests).toHaveLength(1)
    expect(await textsOf(id, 'delivery')).toHaveLength(1)
  })

  test('is claimed again by another worker when its worker died', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    server.silent = true
    const id = await ended('died', 'failed')
    // This attempt is still waiting for its answer when the time for it is over.
    const dying = deliverMessages(world.engine)
    await expect.poll(() => server.requests.length).toBe(1)
    server.silent = false
    await makeDue()
    await deliverAll()
    await dying
    expect(server.requests).toHaveLength(2)
    expect(await textsOf(id, 'delivery')).toHaveLength(1)
  })

  test('is given up after six hours, and the history, "show" and the doctor say so', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    server.answers = [{ status: 500 }, { status: 500 }]
    const id = await ended('e', 'failed')
    await deliverMessages(world.engine)
    await change(`next_at = now(), since = now() - interval '361 minutes'`)
    await deliverMessages(world.engine)
    expect(await textsOf(id, 'delivery')).toEqual([
      'platform-support did not accept the message about the end of the incident, which is no longer sent: channel platform-support answered 500',
    ])
    expect(await showIncident(world.engine.database, id)).toMatchObject({ undelivered: [{ givenUp: true }] })
    expect((await readOutbox(world.engine.database)).givenUp).toMatchObject([
      { channel: 'platform-support', messages: 1 },
    ])
  })
})

describe('the end of an incident whose workflow did not tell anybody', () => {
  test('goes to everybody in "escalate.to", once, whether it failed or was escalated', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    const failed = await ended('lost', 'failed')
    const escalated = await ended('silenced', 'escalated')
    await deliverAll()
    await deliverAll()
    expect(received('platform-support')).toEqual([`${failed}: closed: failed`, `${escalated}: closed: escalated`])
  })

  test('is not told twice to those whom the workflow notified', async () => {
    useChannels({ 'platform-support': DEFAULT_EVENTS })
    await world.addThings('once', 'o1')
    const id = await world.open('hopeless', 'once')
    await world.closed(id)
    await deliverAll()
    expect(received('platform-support')).toHaveLength(1)
    expect(await textsOf(id, 'delivery')).toHaveLength(1)
  })

  test('is recorded as not delivered if no channel is configured', async () => {
    const id = await ended('nobody', 'failed')
    await deliverAll()
    expect(await textsOf(id, 'delivery')).toEqual([
      'platform-support did not accept the message about the end of the incident, which is no longer sent: no channel is configured',
    ])
  })
})

test('PagerDuty gets the end of an incident, and no message after it that would open the alert again', async () => {
  const key = new Secret('key-of-the-service-0123', 'a test', 'key-of-the-service-0123', [])
  const pager: Channel = { kind: 'pagerduty', url: server.url, key, events: ['gate', 'escalated', 'closed'] }
  Object.assign(world.engine.config, { channels: { 'platform-support': pager }, groups: {} })
  await world.addThings('paged', 'p1')
  const id = await world.open('usual', 'paged')
  await world.atGate(id)
  const data = { to: ['platform-support'], message: 'look', reason: 'a test', notified: {} }
  await recordEvents(world.engine.database, id, [{ place: 'r1/gate', actor: 'engine', kind: 'escalation', data }])
  await deliverAll()
  await recordEvents(world.engine.database, id, [{ place: 'r2/gate', actor: 'engine', kind: 'escalation', data }])
  await closeIncident(world.engine.database, { incident: id, outcome: 'cancelled', reason: 'not needed' })
  await deliverAll()
  const events = server.requests.map(({ body }) => JSON.parse(body) as { event_action: string; dedup_key: string })
  expect(events.map(({ event_action }) => event_action)).toEqual(['trigger', 'resolve'])
  expect(new Set(events.map(({ dedup_key }) => dedup_key)).size).toBe(1)
  expect(await textsOf(id, 'delivery')).toContain(
    'the message about the gate without a decision was not sent to platform-support: the incident is cancelled by now',
  )
})

test('a gate whose symptom went away: the chat learns the end once, PagerDuty resolves, and nobody is asked to decide', async () => {
  const key = new Secret('key-of-the-service-0123', 'a test', 'key-of-the-service-0123', [])
  const pager: Channel = { kind: 'pagerduty', url: server.url, key, events: ['gate', 'escalated', 'closed'] }
  const chat = slack('chat', ['gate', 'reminder', 'escalated', 'closed'])
  Object.assign(world.engine.config, {
    channels: { chat, pager },
    groups: { oncall: { channels: ['chat', 'pager'] } },
  })
  await world.addThings('away', 'w1')
  const id = await world.open('usual', 'away')
  const waiting = await world.atGate(id)
  await deliverAll()
  const asked = server.requests.length
  expect(asked).toBe(2)
  await world.things.query(`DELETE FROM things WHERE id = 'w1'`)
  expect(await voidGate(world.engine.database, waiting.rounds[0]!.gate!.id, 'the symptom is gone')).toBe(true)
  expect(await voidGate(world.engine.database, waiting.rounds[0]!.gate!.id, 'the symptom is gone')).toBe(false)
  await wakeIncident(world.engine, id)
  const closed = await world.closed(id)
  expect(closed.outcome).toBe('cleared')
  expect(closed.rounds[0]!.gate).toMatchObject({ state: 'voided' })
  // A reminder of the voided gate that is late asks for nothing.
  await recordEvents(world.engine.database, id, [
    {
      place: 'r1/gate/reminder',
      actor: 'engine',
      kind: 'reminder',
      data: { to: ['oncall'], message: 'a gate waits', reason: '', notified: {} },
    },
  ])
  await deliverAll()
  await deliverAll()
  expect(received('chat')).toEqual([expect.stringContaining('needs a decision'), `${id}: closed: cleared`])
  const pages = server.requests
    .filter(({ path }) => path !== '/chat')
    .map(({ body }) => JSON.parse(body) as { event_action: string; dedup_key: string })
  expect(pages.map(({ event_action }) => event_action)).toEqual(['trigger', 'resolve'])
  expect(new Set(pages.map(({ dedup_key }) => dedup_key)).size).toBe(1)
})

test('a message of an older version that waits is sent, when no process of that version runs any more', async () => {
  const id = await ended('older', 'failed')
  await deliverAll()
  useChannels({ 'platform-support': DEFAULT_EVENTS })
  await world.engine.database.query(
    `INSERT INTO runbook.deliveries (incident, place, channel, next_at) VALUES ($1, 'closed', 'platform-support', now() - interval '5 minutes')`,
    [id],
  )
  await deliverAll()
  expect(received('platform-support')).toEqual([`${id}: closed: failed`])
})
