import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import type { Finding } from '../../src/core/incident.ts'
import { NO_POLICY, type PolicyRule } from '../../src/core/policy.ts'
import type { Strength } from '../../src/core/strength.ts'
import { openEngine } from '../../src/engine/engine.ts'
import { acknowledge } from '../../src/engine/incident-actions.ts'
import { deliverMessages } from '../../src/engine/messages/deliver.ts'
import { currentEngine } from '../../src/engine/reload.ts'
import { showIncident } from '../../src/engine/views/show.ts'
import { withdrawDecision } from '../../src/engine/withdraw-decision.ts'
import { resolveGateRow } from '../../src/gate/gate-resolution.ts'
import { closeIncident } from '../../src/history/close.ts'
import { startApi } from '../../src/http/serve.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'
import { signed, startSlack, type SlackStandIn } from '../support/slack-app.ts'

const OPERATOR = 'U0OPERATOR'
const LEAD = 'U0LEAD'
const VIEWER = 'U0VIEWER'

let world: HttpWorld
let slack: SlackStandIn

beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), { config: 'environment: production\n' })
  slack = await startSlack()
  const { config } = world.engine
  const channel = (id: string) => ({
    ...{ kind: 'slackApp' as const, channel: id, app: slack.app },
    events: ['gate', 'reminder', 'escalated', 'failed'] as const,
  })
  config.slack = slack.app
  config.channels = { oncall: channel('C0ONCALL'), team: channel('C0TEAM'), asked: channel('U0OPERATOR') }
  config.groups = { oncall: { channels: ['oncall', 'team'] } }
  config.people.operator!.slack = OPERATOR
  config.people.lead!.slack = LEAD
  config.people.viewer!.slack = VIEWER
})
afterEach(() => {
  slack.answers.length = 0
  slack.forms.length = 0
})
afterAll(async () => {
  await world?.close()
  await slack?.close()
})

/** Sends the waiting messages, as every worker does every two seconds. */
const deliver = () => deliverMessages(world.engine)
const messagesAbout = (id: string) => [...slack.messages.values()].filter(({ text }) => text.includes(`${id}:`))

/** An incident with an open gate whose message is in both channels of the group. */
async function waiting(count = 1, others: Finding[] = []) {
  const id = await openIncident(world)
  const proposalDigest = await openTestGate(world, id, count, [update('a'), update('b')], {}, undefined, others)
  await deliver()
  const cards = messagesAbout(id)
  expect(cards).toHaveLength(2)
  return { id, gate: `${id}.r1`, proposalDigest, cards, buttons: slack.buttonsOf(cards[0]!) }
}

/** A cause after the treated one that holds too. */
const ALSO: Finding = { cause: 'another', title: 'Something else was seen', holds: true, because: '2 rows' }

type Waiting = Awaited<ReturnType<typeof waiting>>

const clickOf = ({ buttons }: Pick<Waiting, 'buttons'>, button: string, user: string) => ({
  type: 'block_actions',
  user: { id: user },
  trigger_id: `${Math.random()}`,
  response_url: `${slack.server.url}/response/1`,
  actions: [{ action_id: button, value: buttons[button]!.value }],
})
const send = (payload: object, change = {}) => fetch(`${world.api.url}/v1/slack/interactivity`, signed(payload, change))
const click = async (card: Pick<Waiting, 'buttons'>, button: string, user: string) => {
  const answer = await send(clickOf(card, button, user))
  expect(answer.status).toBe(200)
  return slack.answers.find(({ response_type }) => response_type === 'ephemeral')?.text as string | undefined
}
const gateOf = async (id: string) => (await showIncident(world.engine.database, id)).rounds[0]!.gate!
const endTime = (gate: string) =>
  world.engine.database.query(`UPDATE runbook.gates SET expires_at = clock_timestamp() WHERE id = $1`, [gate])
const replaced = () => slack.answers.find(({ replace_original }) => replace_original === true)

/** A change of one target, as a gate shows it. */
const update = (target: string) => ({
  ...{ id: '0-sql.update', kind: 'sql.update', access: 'write' as const, target, with: { connection: 'db' } },
  preview: {
    summary: `UPDATE runs SET status = 'FAILED' WHERE id = '${target}'`,
    rows: [{ before: { id: target, status: 'RUNNING' }, after: { id: target, status: 'FAILED' } }],
  },
})

describe('a message about a gate', () => {
  test('has what would be done, and buttons whose question repeats verb, environment and targets', async () => {
    const { gate, proposalDigest, cards, buttons } = await waiting(1, [ALSO])
    expect(Object.keys(buttons)).toEqual(['approve', 'reject', 'next-cause', 'acknowledge'])
    expect(JSON.parse(buttons.approve!.value)).toEqual({ gate, proposalDigest })
    expect(buttons.approve!.confirm.text.text).toBe(`${gate} in production: Mend it, on 2 targets: a, b`)
    expect(buttons.approve!.confirm.confirm.text).toBe('Approve')
    expect(buttons['next-cause']!.confirm).toMatchObject({
      text: { text: `${gate} in production: reject "Mend it" and treat the next cause` },
      confirm: { text: 'Reject' },
    })
    expect(cards[0]!.text).toContain('needs a decision: Mend it')
    expect(cards[0]!.text.length).toBeLessThan(1_000)
  })

  test('does not offer the next cause if no other cause holds', async () => {
    const { buttons } = await waiting(1, [{ ...ALSO, holds: false }])
    expect(Object.keys(buttons)).toEqual(['approve', 'reject', 'acknowledge'])
  })

  test('names the environment of the connection that would be changed', async () => {
    const { config } = world.engine
    const { policy } = config
    config.policy = { ...policy, environments: { db: 'staging' } }
    const id = await openIncident(world)
    await openTestGate(world, id, 1, [update('a'), update('b')])
    await deliver()
    config.policy = policy
    const buttons = slack.buttonsOf(messagesAbout(id)[0]!)
    expect(buttons.approve!.confirm.text.text).toBe(`${id}.r1 in staging: Mend it, on 2 targets: a, b`)
  })

  test('shows each statement with the values that it changes, and says how many more there are', async () => {
    const id = await openIncident(world)
    const keys = Array.from({ length: 7 }, (_, n) => `run-${n}`)
    const targets = keys.map((key) => ({ key, item: null, lock: `${id}/${key}` }))
    await openTestGate(world, id, 1, keys.map(update), { targets, affected: 7 })
    await deliver()
    const { text } = messagesAbout(id)[0]!
    for (const key of keys.slice(0, 5))
      expect(text).toContain(`UPDATE runs SET status = 'FAILED' WHERE id = '${key}' (status: RUNNING → FAILED)`)
    expect(text).not.toContain("id = 'run-5'")
    expect(text).toContain(`… and 2 more: read them on the incident's page or with "runbook show ${id} --full"`)
  })

  test('whose time is over is not decided, says so, and loses its buttons, although no worker has recorded it', async () => {
    const card = await waiting()
    await endTime(card.gate)
    expect(await click(card, 'approve', OPERATOR)).toContain('expired before the decision arrived')
    expect(await gateOf(card.id)).toMatchObject({ state: 'overdue', decisions: [] })
    expect(replaced().text).toContain(`${card.gate} is overdue: the time to decide is over; a worker will record it`)
    expect(replaced().text).not.toContain('needs a decision')
    expect(slack.buttonsOf(replaced())).toEqual({})
    slack.answers.length = 0
    expect(await click(card, 'reject', OPERATOR)).toContain('overdue')
    expect(slack.forms).toEqual([])
    await resolveGateRow(world.engine.database, card.gate)
    await deliver()
    for (const message of messagesAbout(card.id)) {
      expect(slack.buttonsOf(message)).toEqual({})
      expect(message.text).toContain(`${card.gate} is expired: nobody answered in time`)
    }
  })

  test('that would be sent after the time is over is not sent', async () => {
    const id = await openIncident(world)
    await openTestGate(world, id)
    await endTime(`${id}.r1`)
    await deliver()
    expect(messagesAbout(id)).toEqual([])
  })

  test('is edited in every channel after the decision: who approved, and no buttons', async () => {
    const card = await waiting()
    expect(await click(card, 'approve', OPERATOR)).toBe(`Your approval of ${card.gate} is recorded: it is approved.`)
    expect(await gateOf(card.id)).toMatchObject({ state: 'approved', decisions: [{ person: 'operator' }] })
    await deliver()
    const after = messagesAbout(card.id)
    expect(after).toHaveLength(2)
    for (const message of after) {
      expect(slack.buttonsOf(message)).toEqual({})
      expect(message.text).toContain(`${card.id}: approved by operator: Mend it`)
    }
  })

  test('shows the end of the incident, and has no buttons when the gate expired or was voided', async () => {
    const card = await waiting()
    await closeIncident(world.engine.database, { incident: card.id, outcome: 'expired', reason: 'nobody decided' })
    await deliver()
    for (const message of messagesAbout(card.id)) {
      expect(slack.buttonsOf(message)).toEqual({})
      expect(message.text).toContain('closed: expired: nobody decided')
    }
  })

  test('with a quorum of two keeps its buttons after the first approval, and counts', async () => {
    const card = await waiting(2)
    expect(await click(card, 'approve', OPERATOR)).toContain('1 of 2 approvals, it is still open')
    await deliver()
    const [message] = messagesAbout(card.id)
    expect(message!.text).toContain('1 of 2 approvals')
    expect(Object.keys(slack.buttonsOf(message!))).toContain('approve')
  })

  test('that Slack got although the gate was decided meanwhile has no buttons', async () => {
    const id = await openIncident(world)
    const proposalDigest = await openTestGate(world, id)
    const { answer } = slack.server
    const decisions: Promise<unknown>[] = []
    slack.server.answer = (request) => {
      if (request.path === '/api/chat.postMessage' && decisions.length === 0)
        decisions.push(
          world.call('POST', `/v1/incidents/${id}/decision`, { body: { proposalDigest, decision: 'approve' } }),
        )
      return answer(request)
    }
    await deliver()
    await Promise.all(decisions)
    slack.server.answer = answer
    await deliver()
    for (const message of messagesAbout(id)) expect(slack.buttonsOf(message)).toEqual({})
  })

  test('mentions nobody, whatever the data says', async () => {
    const id = await openIncident(world)
    await openTestGate(world, id, 1, [
      {
        ...{ id: '0-notify', kind: 'notify', access: 'message', target: '-', with: {} },
        preview: { summary: '<!channel> <@U0LEAD>' },
      },
    ])
    await closeIncident(world.engine.database, { incident: id, outcome: 'cancelled', reason: '<!channel> & <@U0LEAD>' })
    await deliver()
    for (const { text, blocks } of messagesAbout(id)) {
      expect(text).not.toMatch(/<[!@]/)
      expect(JSON.stringify(blocks)).not.toMatch(/<[!@]/)
      for (const block of blocks) if (block.text) expect(block.text.verbatim).toBe(true)
    }
  })
})

describe('a gate of high risk', () => {
  test('has a link instead of buttons, and a click that somebody makes up decides nothing', async () => {
    world.engine.config.url = 'https://runbook.example.com'
    const id = await openIncident(world)
    const proposalDigest = await openTestGate(world, id, 1, [], { risk: 'high' })
    await deliver()
    delete world.engine.config.url
    const [message] = messagesAbout(id)
    const buttons = slack.buttonsOf(message!)
    expect(Object.keys(buttons)).toEqual(['acknowledge', 'open'])
    expect(buttons.open!.url).toBe(`https://runbook.example.com/incidents/${id}`)
    const value = JSON.stringify({ gate: `${id}.r1`, proposalDigest })
    for (const button of ['approve', 'reject', 'next-cause']) {
      slack.answers.length = 0
      expect(await click({ buttons: { [button]: { value } } }, button, LEAD)).toContain('The risk is high')
    }
    expect(await gateOf(id)).toMatchObject({ state: 'open', decisions: [] })
  })
})

describe('a gate of low risk that demands a stronger proof than a click', () => {
  const rule = (strength: Strength): PolicyRule => ({
    ...{ name: 'strict', match: {}, by: [], count: 1, strength },
    ...{ excludeRequester: false, excludeAuthor: false, breakGlass: false },
  })
  const why = {
    passkey: 'An approval needs a passkey',
    signed: 'An approval must be signed with the key of the person',
  }

  test.each(['passkey', 'signed'] as const)('by the runbook (%s) has no button that decides', async (strength) => {
    const id = await openIncident(world)
    const proposalDigest = await openTestGate(world, id, 1, [], {}, strength)
    await deliver()
    const [message] = messagesAbout(id)
    expect(Object.keys(slack.buttonsOf(message!))).toEqual(['acknowledge'])
    expect(message!.text + JSON.stringify(message!.blocks)).toContain(why[strength])
    const value = JSON.stringify({ gate: `${id}.r1`, proposalDigest })
    for (const button of ['approve', 'reject', 'next-cause']) {
      slack.answers.length = 0
      expect(await click({ buttons: { [button]: { value } } }, button, LEAD)).toContain(why[strength])
    }
    expect(await gateOf(id)).toMatchObject({ state: 'open', decisions: [] })
  })

  test.each(['passkey', 'signed'] as const)(
    'by a policy that became stricter after the message (%s) is not decided, and its buttons are taken away',
    async (strength) => {
      const id = await openIncident(world)
      await openTestGate(world, id, 1, [update('a'), update('b')])
      await deliver()
      const buttons = slack.buttonsOf(messagesAbout(id)[0]!)
      expect(Object.keys(buttons)).toContain('approve')
      const { config } = world.engine
      const { policy } = config
      config.policy = { ...NO_POLICY, rules: [rule(strength)] }
      try {
        expect(await click({ buttons }, 'approve', LEAD)).toContain(why[strength])
      } finally {
        config.policy = policy
      }
      expect(await gateOf(id)).toMatchObject({ state: 'open', decisions: [] })
      expect(Object.keys(slack.buttonsOf(replaced()))).toEqual(['acknowledge'])
    },
  )
})

describe('a click', () => {
  test('on "Reject" opens a form for the reason, and the form decides', async () => {
    const card = await waiting()
    expect(await click(card, 'reject', OPERATOR)).toBeUndefined()
    expect((await gateOf(card.id)).state).toBe('open')
    const [{ view }] = slack.forms
    const fields = view.blocks.filter(({ type }: { type: string }) => type === 'input')
    expect(fields).toHaveLength(1)
    // A reason that is filled in already would be sent without being read.
    expect(fields[0].element).not.toHaveProperty('initial_value')
    expect(fields[0].optional ?? false).toBe(false)
    const answer = await send({
      type: 'view_submission',
      user: { id: OPERATOR },
      view: {
        ...{ callback_id: view.callback_id, private_metadata: view.private_metadata },
        state: { values: { reason: { reason: { value: 'the region is down' } } } },
      },
    })
    expect(await answer.json()).toMatchObject({
      response_action: 'update',
      view: { blocks: [{ text: { text: `Your rejection of ${card.gate} is recorded: it is rejected.` } }] },
    })
    expect(await gateOf(card.id)).toMatchObject({ state: 'rejected', decisions: [{ comment: 'the region is down' }] })
  })

  test('on "Next cause" and "Acknowledge" does what it says', async () => {
    const card = await waiting(1, [ALSO])
    expect(await click(card, 'acknowledge', LEAD)).toBe(`${card.id} is acknowledged.`)
    expect(await showIncident(world.engine.database, card.id)).toMatchObject({ acknowledgedBy: 'lead' })
    slack.answers.length = 0
    await click(card, 'next-cause', OPERATOR)
    expect(await gateOf(card.id)).toMatchObject({ state: 'rejected', decisions: [{ nextCause: true }] })
  })

  test('of somebody who may not decide is answered with the reason, and decides nothing', async () => {
    const card = await waiting()
    expect(await click(card, 'approve', 'U0STRANGER')).toContain(
      'no person in the configuration has the Slack user U0STRANGER',
    )
    slack.answers.length = 0
    expect(await click(card, 'approve', VIEWER)).toContain('the role "viewer", which may only read')
    expect(await gateOf(card.id)).toMatchObject({ state: 'open', decisions: [] })
  })

  test('of a person whose grants do not cover the incident does nothing, and does not say more than that', async () => {
    const card = await waiting()
    // Each button of a card sends the same value. This card has no button for the next cause, because no other cause holds.
    const buttons = { ...card.buttons, 'next-cause': card.buttons.approve! }
    const grant = (role: 'operator' | 'approver', types: string[]) => {
      world.engine.config.access = [{ role, people: ['operator'], groups: [], types }]
    }
    try {
      for (const button of ['approve', 'reject', 'next-cause', 'acknowledge']) {
        grant('approver', ['another-type'])
        slack.answers.length = 0
        expect(await click({ buttons }, button, OPERATOR)).toContain(`incident ${card.id} does not exist`)
      }
      grant('operator', ['bad-thing'])
      slack.answers.length = 0
      expect(await click(card, 'approve', OPERATOR)).toContain('operator has no role that may decide')
      expect(slack.forms).toEqual([])
      expect(await gateOf(card.id)).toMatchObject({ state: 'open', decisions: [] })
      expect(await showIncident(world.engine.database, card.id)).toMatchObject({ acknowledgedBy: null })
      grant('approver', ['bad-thing'])
      await click(card, 'approve', OPERATOR)
      expect(await gateOf(card.id)).toMatchObject({ state: 'approved' })
    } finally {
      delete world.engine.config.access
    }
  })

  test('on a gate that was decided, or on another proposal, is answered, and takes the buttons away', async () => {
    const card = await waiting()
    await click(card, 'approve', LEAD)
    slack.answers.length = 0
    expect(await click(card, 'approve', OPERATOR)).toContain('is approved')
    expect(slack.answers).toContainEqual(expect.objectContaining({ replace_original: true }))
    const other = await waiting()
    const stale = { approve: { value: JSON.stringify({ gate: other.gate, proposalDigest: 'a'.repeat(64) }) } }
    slack.answers.length = 0
    expect(await click({ buttons: stale }, 'approve', OPERATOR)).toContain(
      'the digest does not match the current proposal',
    )
    expect(await gateOf(other.id)).toMatchObject({ state: 'open' })
  })

  test('that is sent again after its decision was withdrawn decides nothing', async () => {
    const card = await waiting(2)
    const request = signed(clickOf(card, 'approve', OPERATOR))
    const url = `${world.api.url}/v1/slack/interactivity`
    await fetch(url, request)
    await withdrawDecision(world.engine, world.engine.people.operator!, { gate: card.gate })
    slack.answers.length = 0
    expect((await fetch(url, request)).status).toBe(200)
    expect((await gateOf(card.id)).decisions.filter(({ withdrawn }) => !withdrawn)).toEqual([])
  })

  test('that Slack did not sign, or signed more than five minutes ago, decides nothing', async () => {
    const card = await waiting()
    const payload = clickOf(card, 'approve', OPERATOR)
    expect((await send(payload, { secret: 'another' })).status).toBe(401)
    expect((await send(payload, { ageSeconds: 301 })).status).toBe(401)
    expect((await send(payload, { ageSeconds: -301 })).status).toBe(401)
    const { headers, method } = signed(payload)
    const changed = { method, headers, body: signed({ ...payload, user: { id: LEAD } }).body }
    expect((await fetch(`${world.api.url}/v1/slack/interactivity`, changed)).status).toBe(401)
    expect((await gateOf(card.id)).state).toBe('open')
  })

  test('by GET, as previews of links make it, decides nothing', async () => {
    const card = await waiting()
    const query = signed(clickOf(card, 'approve', OPERATOR)).body
    const answer = await fetch(`${world.api.url}/v1/slack/interactivity?${query}`)
    expect([401, 404, 405]).toContain(answer.status)
    expect((await gateOf(card.id)).state).toBe('open')
  })

  test('whose answer Slack does not take is an error there, and the decision is kept', async () => {
    const card = await waiting()
    const { answer } = slack.server
    slack.server.answer = (request) => (request.path.startsWith('/response') ? { status: 500 } : answer(request))
    const failed = await send(clickOf(card, 'approve', OPERATOR))
    slack.server.answer = answer
    expect(failed.status).toBeGreaterThanOrEqual(500)
    expect((await gateOf(card.id)).state).toBe('approved')
    await deliver()
    for (const message of messagesAbout(card.id)) expect(slack.buttonsOf(message)).toEqual({})
  })

  test('whose answer would go to another server is refused', async () => {
    const card = await waiting()
    const answer = await send({ ...clickOf(card, 'acknowledge', OPERATOR), response_url: 'http://127.0.0.1:9/x' })
    expect(answer.status).toBe(400)
  })
})

describe('a click after', () => {
  test('a restart of the API decides once and is answered, and takes the buttons away', async () => {
    const card = await waiting()
    const open = async (port: number) => {
      const engine = await openEngine(world.engine.config)
      const current = currentEngine(engine)
      const api = await startApi(current, { host: '127.0.0.1', port })
      const close = async () => {
        await api.close()
        await current.value.targets.close()
        await engine.close()
      }
      return { url: api.url, close }
    }
    const before = await open(0)
    const address = `${before.url}/v1/slack/interactivity`
    await before.close()
    await expect(fetch(address, signed(clickOf(card, 'approve', OPERATOR)))).rejects.toThrow('fetch failed')
    expect(await gateOf(card.id)).toMatchObject({ state: 'open', decisions: [] })
    const after = await open(Number(new URL(before.url).port))
    try {
      const request = signed(clickOf(card, 'approve', OPERATOR))
      expect((await fetch(address, request)).status).toBe(200)
      expect((await fetch(address, request)).status).toBe(200)
    } finally {
      await after.close()
    }
    const texts = slack.answers.flatMap(({ response_type, text }) => (response_type === 'ephemeral' ? [text] : []))
    expect(texts[0]).toBe(`Your approval of ${card.gate} is recorded: it is approved.`)
    expect((await gateOf(card.id)).decisions).toMatchObject([{ person: 'operator', decision: 'approve' }])
    expect(slack.buttonsOf(replaced())).toEqual({})
    await deliver()
    for (const message of messagesAbout(card.id)) expect(slack.buttonsOf(message)).toEqual({})
  })

  test('the end of the incident acknowledges nothing, and says that it is closed', async () => {
    const card = await waiting()
    await closeIncident(world.engine.database, { incident: card.id, outcome: 'cleared', reason: 'it went away' })
    expect(await click(card, 'acknowledge', LEAD)).toMatch(/^Nothing was done: .*closed/)
    expect(await showIncident(world.engine.database, card.id)).toMatchObject({ state: 'closed', acknowledgedBy: null })
    await expect(acknowledge(world.engine, world.engine.people.lead!, card.id)).rejects.toMatchObject({
      code: 'RUNBOOK_CONFLICT',
    })
  })
})

describe('where the configuration names the workspace', () => {
  const from = (team: string | undefined, home: string | undefined, user = OPERATOR) => ({
    ...(team === undefined ? {} : { team: { id: team } }),
    user: { id: user, ...(home === undefined ? {} : { team_id: home }) },
  })
  const others: [string, object][] = [
    ['another workspace', from('T0OTHER', 'T0OTHER')],
    ['a member of another workspace in a shared channel', from('T0OURS', 'T0OTHER')],
    ['no workspace', from(undefined, undefined)],
  ]

  test.each(others)('a click of %s decides nothing and says why', async (_, sender) => {
    const card = await waiting()
    slack.app.team = 'T0OURS'
    try {
      expect((await send({ ...clickOf(card, 'approve', OPERATOR), ...sender })).status).toBe(200)
      const form = {
        ...{ type: 'view_submission', ...sender },
        view: {
          ...{ callback_id: 'reject', private_metadata: card.buttons.approve!.value },
          state: { values: { reason: { reason: { value: 'from elsewhere' } } } },
        },
      }
      expect(await (await send(form)).text()).toContain('only clicks from T0OURS are accepted')
    } finally {
      delete slack.app.team
    }
    expect(slack.answers[0].text).toContain('only clicks from T0OURS are accepted')
    expect(await gateOf(card.id)).toMatchObject({ state: 'open', decisions: [] })
  })

  test('a click of one of its members decides', async () => {
    const card = await waiting()
    slack.app.team = 'T0OURS'
    try {
      await send({ ...clickOf(card, 'approve', OPERATOR), ...from('T0OURS', 'T0OURS') })
    } finally {
      delete slack.app.team
    }
    expect((await gateOf(card.id)).state).toBe('approved')
  })
})

test('the person who opened an incident learns how it ended', async () => {
  const id = await openIncident(world)
  world.engine.config.people.operator!.channels = ['asked']
  await closeIncident(world.engine.database, { incident: id, outcome: 'cancelled', reason: 'not needed' })
  await deliver()
  delete world.engine.config.people.operator!.channels
  expect(messagesAbout(id)).toMatchObject([
    { channel: 'U0OPERATOR', text: expect.stringContaining('closed: cancelled') },
  ])
})
