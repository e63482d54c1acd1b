import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import { decideGate } from '../../src/engine/decide-gate.ts'
import { addFollowUp, giveFeedback } from '../../src/engine/follow-ups.ts'
import { addNote } from '../../src/engine/incident-actions.ts'
import { closeIncident } from '../../src/history/close.ts'
import { recordEvents, recordEvidence } from '../../src/history/record.ts'
import { signIn, type BrowserSession } from './browser-session.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

const HOSTILE = `<img src=x onerror=alert(1)>"'><script>alert(2)</script>\u202Egnp.exe`
const MARKUP = /<img|<script(?! type="module" src="\/assets)|\u202E/

let world: HttpWorld
let operator: BrowserSession
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), { config: 'environment: production\n' })
  operator = await signIn(world, 'operator')
})
afterAll(() => world?.close())

/** A closed incident: one proposal, which the lead approved; one target was applied, the other one skipped. */
async function closed(text = 'plain'): Promise<string> {
  const id = await openIncident(world)
  const { database, people } = world.engine
  const result = { rows: [{ n: 1, text }] }
  const ref = sha256Hex(canonical({ result }))
  const found = { place: 'r1/check/seen', name: 'seen', kind: 'sql.query', status: 'ok' as const, ref, result }
  const evidence = { ...found, startedAt: new Date().toISOString(), durationMs: 3, truncated: false }
  await recordEvidence(database, id, [evidence], {})
  const preview = { summary: text, rows: [{ before: { status: 'RUNNING' }, after: { status: text } }] }
  const action = { id: '0-sql.update', kind: 'sql.update', access: 'write' as const, target: 'a', with: {}, preview }
  const digest = await openTestGate(world, id, 1, [action], { because: text, title: text })
  const decision = { gate: `${id}.r1`, proposalDigest: digest, decision: 'approve', comment: text } as const
  await decideGate(world.engine, people.lead!, decision)
  const recheck = { round: 1, holds: true as const, because: text, targets: ['a'], skipped: { b: text } }
  const verified = { round: 1, remedy: 'mend', held: false, detail: text, tookMs: 1, targets: ['a'] }
  await recordEvents(database, id, [
    { place: 'r1/recheck1', actor: 'engine', kind: 'recheck', data: recheck },
    { place: 'r1/verify/verdict', actor: 'engine', kind: 'verified', data: verified },
  ])
  await closeIncident(database, { incident: id, outcome: 'escalated', reason: text })
  return id
}

test('the review has the causes, the decision with its time, the values, the deviations and the outcome', async () => {
  const id = await closed()
  const { status, text } = await operator.get(`/incidents/${id}/review`)
  expect(status).toBe(200)
  for (const part of [
    'escalated',
    'holds',
    '>lead<',
    '&quot;RUNNING&quot;',
    'ineffective',
    'skipped',
    'The remedy did not help.',
    'The chain of events is intact.',
  ])
    expect(text, part).toContain(part)
})

test('an event is annotated, a follow-up is added and closed, and an answer is recorded, from the page', async () => {
  const id = await closed()
  const path = `/incidents/${id}/review`
  const sent = [
    await operator.post(`${path}/notes`, { text: 'a deploy ran', about: '1' }),
    await operator.post(`${path}/notes`, { text: 'for the whole', about: '' }),
    await operator.post(`${path}/follow-ups`, { text: 'raise the limit', owner: 'platform', due: '' }),
    await operator.post(`${path}/follow-ups/1`, { result: 'raised' }),
    await operator.post(`${path}/feedback`, { helped: 'partly', comment: '' }),
  ]
  expect(sent.map(({ status, headers }) => [status, headers.get('location')])).toEqual(sent.map(() => [303, path]))
  const { text } = await operator.get(path)
  const first = text.slice(text.indexOf('<li value="1">'), text.indexOf('<li value="2">'))
  expect(first).toContain('a deploy ran')
  expect(text.slice(text.indexOf('Notes about the whole incident'))).toContain('for the whole')
  expect(text).toContain('closed by operator')
  expect(text).toMatch(/<strong>operator<\/strong>: partly/)
})

test('what is refused is shown on the review with the reason, and changes nothing', async () => {
  const id = await closed()
  const path = `/incidents/${id}/review`
  for (const [form, fields] of [
    ['notes', { text: '' }],
    ['notes', { text: 'x', about: '999' }],
    ['notes', { text: 'x', about: 'one' }],
    ['follow-ups', { text: 'x', owner: ' ' }],
    ['follow-ups', { text: 'x', owner: 'lead', due: '2026-02-30' }],
    ['feedback', { helped: 'maybe' }],
  ] as const) {
    const answer = await operator.post(`${path}/${form}`, fields)
    expect([form, fields, answer.status]).toEqual([form, fields, 400])
    expect(answer.text).toContain('Nothing was changed.')
    expect(answer.text).toContain(`Review of ${id}`)
  }
  expect((await operator.post(`${path}/follow-ups/7`, { result: 'x' })).status).toBe(404)
  const withoutToken = await operator.post(`${path}/follow-ups`, { text: 'x', owner: 'lead', formToken: '' })
  expect(withoutToken.status).toBe(403)
  const { notes, followUps, feedback } = (await world.call('GET', `/v1/incidents/${id}/review.json`)).json
  expect([notes, followUps, feedback]).toEqual([[], [], []])
})

test('a viewer reads the review and sees no form', async () => {
  const id = await closed()
  const { text } = await (await signIn(world, 'viewer')).get(`/incidents/${id}/review`)
  expect(text).toContain('Summary')
  expect(text).not.toContain('Add a follow-up')
})

test('the review is exported as Markdown, as JSON, and as one HTML file that loads nothing', async () => {
  const id = await closed()
  await addNote(world.engine, world.engine.people.lead!, id, 'a note')
  const get = async (format: string) => operator.get(`/incidents/${id}/review/export/${format}`)
  const [markdown, json, html] = [await get('markdown'), await get('json'), await get('html')]
  expect([markdown, json, html].map(({ headers }) => headers.get('content-disposition'))).toEqual(
    ['md', 'json', 'html'].map((ending) => `attachment; filename="${id}-review.${ending}"`),
  )
  expect(markdown.text).toContain('## Deviations')
  expect(JSON.parse(json.text)).toMatchObject({ incident: { id }, notes: [{ body: 'a note' }] })
  expect(html.text).toContain('a note')
  expect(html.text).toContain('r1/check/seen')
  expect(html.text).not.toMatch(/ (src|href|action)=/)
  expect(html.text.trim().endsWith('</html>')).toBe(true)
  expect((await get('pdf')).status).toBe(404)
})

test('text from outside stays text on the review and in the exported file', async () => {
  const id = await closed(HOSTILE)
  const { engine } = world
  await addNote(engine, engine.people.lead!, id, HOSTILE, 1)
  await addNote(engine, engine.people.lead!, id, HOSTILE)
  await addFollowUp(engine, engine.people.lead!, id, { text: HOSTILE, owner: HOSTILE })
  await giveFeedback(engine, engine.people.lead!, id, { helped: 'no', comment: HOSTILE })
  for (const path of ['', '/export/html']) {
    const { text } = await operator.get(`/incidents/${id}/review${path}`)
    expect(text).toContain('onerror=alert(1)')
    expect(text, path).not.toMatch(MARKUP)
  }
  expect((await operator.get(`/incidents/${id}/review?after=${encodeURIComponent(HOSTILE)}`)).text).not.toMatch(MARKUP)
})

test('with hundreds of long events, notes and follow-ups the review is a page of at most 100 kB, and every event can be reached', async () => {
  const long = 'x'.repeat(2_000)
  const id = await closed(long)
  const { engine } = world
  const lead = engine.people.lead!
  for (let n = 0; n < 60; n += 1) {
    await addNote(engine, lead, id, `${n} ${long}`, (n % 5) + 1)
    await addFollowUp(engine, lead, id, { text: `${n} ${long.slice(5)}`, owner: 'platform' })
  }
  const seen = new Set<string>()
  let path: string | undefined = `/incidents/${id}/review`
  for (let pages = 0; path !== undefined && pages < 10; pages += 1) {
    const { text } = await operator.get(path)
    expect(text.length).toBeLessThan(100_000)
    for (const [, seq] of text.matchAll(/<li value="(\d+)">/g)) seen.add(seq!)
    path = /href="([^"]+)#timeline">[^<]*later event/.exec(text)?.[1]
  }
  const { timeline } = (await world.call('GET', `/v1/incidents/${id}/review.json`)).json
  expect(seen.size).toBe(timeline.length)
})
