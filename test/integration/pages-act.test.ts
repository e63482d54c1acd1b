import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { ProposedAction } from '../../src/core/proposal.ts'
import { decideGate } from '../../src/engine/decide-gate.ts'
import { closeIncident } from '../../src/history/close.ts'
import { recordEvents } from '../../src/history/record.ts'
import { signIn, type BrowserSession } from './browser-session.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

let world: HttpWorld
let operator: BrowserSession
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), {
    config: 'pages: { temporalUi: "https://temporal.example.com/ui/" }\n',
  })
  operator = await signIn(world, 'operator')
})
afterAll(() => world?.close())

const show = async (id: string) => (await world.call('GET', `/v1/incidents/${id}`)).json

test('a person claims an incident and adds a note', async () => {
  const id = await openIncident(world)
  const claimed = await operator.post(`/incidents/${id}/claim`)
  expect([claimed.status, claimed.headers.get('location')]).toEqual([303, `/incidents/${id}`])
  expect((await show(id)).claimedBy).toBe('operator')
  await operator.post(`/incidents/${id}/notes`, { text: 'a deploy runs' })
  const { text } = await operator.get(`/incidents/${id}`)
  expect(text).toContain('operator: a deploy runs')
  expect(text).not.toContain('Claim: I am responsible')
  const empty = await operator.post(`/incidents/${id}/notes`, { text: ' ' })
  expect(empty.status).toBe(400)
  expect(empty.text).toContain('Nothing was changed.')
})

test('after an incident a person looks again, and both incidents link to each other', async () => {
  const id = await openIncident(world)
  expect((await operator.post(`/incidents/${id}/retry`)).status).toBe(409)
  await closeIncident(world.engine.database, { incident: id, outcome: 'escalated', reason: 'no known cause holds' })
  expect((await operator.get(`/incidents/${id}`)).text).toContain('Look again: open a new incident')
  const { status, headers } = await operator.post(`/incidents/${id}/retry`)
  const location = headers.get('location')!
  expect([status, location]).toEqual([303, expect.stringMatching(/^\/incidents\/INC-\d+$/)])
  expect(location).not.toBe(`/incidents/${id}`)
  expect((await operator.get(location)).text).toContain(`href="/incidents/${id}"`)
  expect((await operator.get(`/incidents/${id}`)).text).toContain(`href="${location}"`)
  expect((await show(id)).children).toMatchObject([{ id: location.slice('/incidents/'.length), outcome: null }])
  // Nothing was applied, so there is nothing to undo.
  expect((await operator.post(`/incidents/${id}/undo`)).status).toBe(409)
})

test("an incident links to its workflow in Temporal's UI", async () => {
  const id = await openIncident(world)
  const { workflowId } = await show(id)
  const path = `workflows/${encodeURIComponent(workflowId)}`
  expect((await operator.get(`/incidents/${id}`)).text).toContain(
    `href="https://temporal.example.com/ui/namespaces/${world.engine.temporal.namespace}/${path}"`,
  )
})

test('a person withdraws their own decision, and nobody else sees the button', async () => {
  const id = await openIncident(world)
  const digest = await openTestGate(world, id, 2)
  const gate = `${id}.r1`
  await decideGate(world.engine, world.engine.people.operator!, { gate, proposalDigest: digest, decision: 'approve' })
  expect((await operator.get(`/incidents/${id}`)).text).toContain('Withdraw my decision')
  expect((await (await signIn(world, 'lead')).get(`/incidents/${id}`)).text).not.toContain('Withdraw my decision')
  expect((await operator.post(`/incidents/${id}/withdraw`, { gate })).status).toBe(303)
  expect((await show(id)).rounds[0].gate.decisions).toMatchObject([{ person: 'operator', withdrawn: true }])
  expect((await operator.post(`/incidents/${id}/withdraw`, { gate })).status).toBe(403)
  expect((await operator.post(`/incidents/${id}/withdraw`, { gate: 'INC-999.r1' })).status).toBe(400)
})

const step = (target: string): ProposedAction => ({
  id: '0-manual',
  kind: 'manual',
  access: 'person',
  target,
  with: { instructions: `Restart <b>${target}</b>`, form: { ticket: 'Number of the ticket' } },
  preview: { summary: 'a person does it' },
})

/** An incident with two steps that wait for a person, as a worker would have left them. */
async function withSteps(): Promise<string> {
  const id = await openIncident(world)
  const digest = await openTestGate(world, id, 1, [step('a'), step('b')])
  const gate = `${id}.r1`
  await decideGate(world.engine, world.engine.people.operator!, { gate, proposalDigest: digest, decision: 'approve' })
  const recheck = { round: 1, holds: true as const, because: '', targets: ['a', 'b'], skipped: {} }
  await recordEvents(world.engine.database, id, [
    { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data: recheck },
  ])
  const client = new pg.Client({ connectionString: world.superuserUrl })
  await client.connect()
  await client.query(
    `INSERT INTO runbook.manual_steps (gate, action, target, since, until)
     SELECT $1, '0-manual', target, now(), now() + interval '10 minutes' FROM unnest(ARRAY['a', 'b']) AS t (target)`,
    [gate],
  )
  await client.end()
  return id
}

test('a step that was done by hand is reported with the answers to its questions, and one that was not done with the reason', async () => {
  const id = await withSteps()
  const { text } = await operator.get(`/incidents/${id}`)
  expect(text).toContain('Restart &lt;b&gt;a&lt;/b&gt;')
  expect(text).toContain('Number of the ticket')
  const done = { action: '0-manual', target: 'a', done: 'yes', 'answer.ticket': 'OPS-7' }
  expect((await operator.post(`/incidents/${id}/done`, done)).status).toBe(303)
  const without = await operator.post(`/incidents/${id}/done`, { action: '0-manual', target: 'b', done: 'no' })
  expect(without.status).toBe(400)
  expect(without.text).toContain('write why the step was not done')
  const reason = { action: '0-manual', target: 'b', done: 'no', comment: 'no access' }
  expect((await operator.post(`/incidents/${id}/done`, reason)).status).toBe(303)
  const { effects, manualSteps } = await show(id).then(({ rounds, manualSteps: left }) => ({
    effects: rounds[0].effects,
    manualSteps: left,
  }))
  expect(manualSteps).toEqual([])
  expect(effects).toMatchObject([
    { target: 'a', result: 'applied', answers: { ticket: 'OPS-7' } },
    { target: 'b', result: 'skipped', detail: expect.stringContaining('no access') },
  ])
})
