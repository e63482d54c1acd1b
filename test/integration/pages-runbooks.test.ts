import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { closeIncident } from '../../src/history/close.ts'
import { signIn, type BrowserSession } from './browser-session.ts'
import { openHttpWorld, openIncident, type HttpWorld } from './http-world.ts'

const HOSTILE = `<img src=x onerror=alert(1)>"'><script>alert(2)</script>\u202Egnp.exe`
const MARKUP = /<img|<script(?! type="module" src="\/assets)|\u202E/

/** The language refuses invisible characters in a file, so they can only come from elsewhere. */
const AUTHORED = HOSTILE.replace('\u202E', '')

/** A runbook that is sampled in shadow mode, with an input of every kind and hostile texts wherever an author can write one. */
const INPUTS = `version: 1
runbook: inputs
incident: with-inputs
title: ${JSON.stringify(AUTHORED)}
detect: { every: 1m, for: 2, shadow: true }
inputs:
  count: { type: int, default: 3, min: 1, max: 9 }
  level: { type: string, enum: [low, high], default: low }
  force: { type: bool, default: false }
  wait: { type: duration, default: 5m, description: ${JSON.stringify(AUTHORED)} }
key: with-inputs/\${{ inputs.level }}
diagnose:
  seen:
    check: sql.query
    with: { connection: db, sql: ${JSON.stringify(`SELECT '${AUTHORED.replaceAll("'", '')}' || chr(8238) AS text`)}, columns: { text: string } }
symptom: size(seen.rows) > 0
causes:
  - cause: many
    title: ${JSON.stringify(AUTHORED)}
    when: inputs.count > 5
    because: ${JSON.stringify(AUTHORED)}
    remedy: none
escalate: { to: [platform], message: ${JSON.stringify(AUTHORED)} }
`

let world: HttpWorld
let operator: BrowserSession
let viewer: BrowserSession
beforeAll(async () => {
  const stack = inject('stack')
  const env = { DB_READ: stack.postgresUrl }
  world = await openHttpWorld(stack, {
    ...{ runbooks: { 'inputs.yaml': INPUTS }, env },
    config: 'environment: production\n',
  })
  operator = await signIn(world, 'operator')
  viewer = await signIn(world, 'viewer')
})
afterAll(() => world?.close())

/** The form of a runbook's page as a browser fills it: with its hidden field, and empty fields where nothing was entered. */
async function formOf(name: string, inputs: Record<string, string>): Promise<Record<string, string>> {
  const { text } = await operator.get(`/runbooks/${name}`)
  const request = /name="request" value="([0-9a-f-]{36})"/.exec(text)![1]!
  const named = Object.entries(inputs).map(([input, value]) => [`input.${input}`, value])
  return { request, ...Object.fromEntries(named) }
}

test('the list has every runbook with its outcomes and its last use', async () => {
  const id = await openIncident(world)
  await closeIncident(world.engine.database, { incident: id, outcome: 'escalated', reason: 'no known cause holds' })
  const { text } = await operator.get('/runbooks')
  expect(text).toContain('href="/runbooks/test-runs"')
  expect(text).toMatch(/1 escalated/)
  expect(text.slice(text.indexOf('/runbooks/inputs'), text.indexOf('/runbooks/test-runs'))).toContain('never')
  expect(text).not.toMatch(MARKUP)
})

describe('the page of a runbook', () => {
  test('has the diagnosis, the graph, the outcomes, the incidents, the versions and what detection would open', async () => {
    const { status, text } = await operator.get('/runbooks/inputs')
    expect(status).toBe(200)
    for (const part of [
      'size(seen.rows) &gt; 0',
      'inputs.count &gt; 5',
      '<svg class="graph" role="img"',
      'No incident of this type was opened.',
      'in shadow mode',
      'It found nothing in the last 30 days.',
      'The YAML text',
    ])
      expect(text, part).toContain(part)
    expect(text).not.toMatch(MARKUP)
    expect(text.length).toBeLessThan(100_000)
    expect((await operator.get('/runbooks/test-runs')).text).toMatch(/<dt>Outcomes<\/dt><dd>.*1 escalated/)
  })

  test('a runbook that is not loaded is 404 with the way back', async () => {
    for (const path of ['/runbooks/nothing', `/runbooks/${encodeURIComponent(HOSTILE)}`]) {
      const { status, text } = await operator.get(path)
      expect([path, status]).toEqual([path, 404])
      expect(text).not.toMatch(MARKUP)
    }
  })

  test('a viewer sees no form, and may not send one', async () => {
    expect((await viewer.get('/runbooks/inputs')).text).not.toContain('Open an incident of type')
    for (const verb of ['trigger', 'preview']) expect((await viewer.post(`/runbooks/inputs/${verb}`)).status).toBe(403)
  })
})

describe('the form', () => {
  test('opens one incident with the inputs that were filled in, also if it is sent twice', async () => {
    const form = await formOf('inputs', { count: '7', level: 'high', force: '', wait: '' })
    const sent = [await operator.post('/runbooks/inputs/trigger', form)]
    const location = sent[0]!.headers.get('location')!
    const id = location.slice('/incidents/'.length)
    await closeIncident(world.engine.database, { incident: id, outcome: 'no-action', reason: 'a test' })
    sent.push(await operator.post('/runbooks/inputs/trigger', form))
    expect(sent.map(({ status, headers }) => [status, headers.get('location')])).toEqual([
      [303, location],
      [303, location],
    ])
    const { inputs, requester } = (await world.call('GET', `/v1/incidents/${id}`)).json
    expect([inputs, requester]).toEqual([{ count: 7, level: 'high', force: false, wait: '5m' }, 'person:operator'])
  })

  test('is shown again with what was filled in and the problem, if an input is wrong', async () => {
    const form = await formOf('inputs', { count: '77', level: 'low', wait: HOSTILE })
    for (const verb of ['trigger', 'preview']) {
      const { status, text } = await operator.post(`/runbooks/inputs/${verb}`, form)
      expect(status).toBe(400)
      expect(text).toContain('Nothing was opened.')
      expect(text).toContain('value="77"')
      expect(text).not.toMatch(MARKUP)
    }
    expect((await operator.post('/runbooks/inputs/trigger', { ...form, request: 'x' })).status).toBe(400)
    expect((await operator.post('/runbooks/inputs/trigger', { ...form, formToken: '' })).status).toBe(403)
  })
})

test('a preview shows what the runbook would do now, and stores nothing', async () => {
  const count = async () =>
    (await world.engine.database.query('SELECT count(*)::int AS n FROM runbook.incidents')).rows[0].n as number
  const before = await count()
  const { status, text } = await operator.post(
    '/runbooks/inputs/preview',
    await formOf('inputs', { count: '7', level: 'high' }),
  )
  expect(status).toBe(200)
  for (const part of [
    'The symptom is present.',
    'holds',
    'The incident would be closed: no-action.',
    'Nothing was changed',
  ])
    expect(text, part).toContain(part)
  expect(text).not.toMatch(MARKUP)
  expect(await count()).toBe(before)
})

test('one person runs one preview at a time', async () => {
  const form = await formOf('inputs', {})
  const sent = await Promise.all(Array.from({ length: 3 }, () => operator.post('/runbooks/inputs/preview', form)))
  const statuses = sent.map(({ status }) => status)
  expect(statuses).toContain(200)
  expect(statuses.filter((status) => status !== 200).every((status) => status === 429)).toBe(true)
  expect((await operator.post('/runbooks/inputs/preview', form)).status).toBe(200)
})

test('a version shows its text and how the loaded one differs from it', async () => {
  const id = await openIncident(world)
  const { planDigest } = (await world.call('GET', `/v1/incidents/${id}`)).json
  const path = `/runbooks/test-runs/versions/${planDigest}`
  expect((await operator.get(path)).text).toContain('This version is loaded')
  const file = join(world.root, 'runbooks/test-runs.yaml')
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.replace('Something was seen', HOSTILE.replaceAll(/["'\u202E]/g, '')))
  try {
    expect(await world.reload()).toContain('test-runs changed')
    const older = (await operator.get(path)).text
    expect(older).toContain('<span class="removed">-    title: Something was seen')
    expect(older).toContain('<span class="added">+    title: &lt;img')
    expect(older).not.toMatch(MARKUP)
    expect((await operator.get('/runbooks/test-runs')).text).toContain(path)
  } finally {
    writeFileSync(file, text)
    await world.reload()
  }
  expect((await operator.get(`/runbooks/test-runs/versions/${'a'.repeat(64)}`)).status).toBe(404)
  expect((await operator.get('/runbooks/test-runs/versions/x')).status).toBe(404)
})

test('the statistics of a runbook are answered by the API too', async () => {
  const { status, json } = await world.call('GET', '/v1/runbooks/test-runs/statistics')
  expect(status).toBe(200)
  expect(json).toMatchObject({ outcomes: { escalated: 1 }, resolvedShare: 0, medianToResolveMs: null })
  expect((await world.call('GET', '/v1/runbooks/nothing/statistics')).status).toBe(404)
})
