import { readFile } from 'node:fs/promises'
import type { Browser, Page } from 'playwright-core'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { prepareLedger } from '../../src/effects/prepare-ledger.ts'
import { provisionDatabase } from '../../src/engine/setup/provision.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { chromium, skipWithout, type Available } from '../support/server-programs.ts'
import { startWorker } from '../support/workflow-world.ts'
import { XSS_PAYLOADS } from '../support/xss-payloads.ts'
import { accessibilityFaults, expectUsableByFinger, launch, phoneOf, picture } from './browser-world.ts'
import { openHttpWorld, type HttpWorld } from './http-world.ts'

const RUNBOOK = `version: 1
runbook: bad-things
incident: bad-thing
title: Things went bad
inputs:
  group: { type: string, description: The group of the things }
key: bad-thing/\${{ inputs.group }}
symptom: size(bad.rows) > 0
diagnose:
  bad:
    check: sql.query
    with:
      connection: things
      sql: SELECT id, state, note FROM things WHERE grp = $1 AND state = 'bad' ORDER BY id
      params: ["\${{ inputs.group }}"]
      columns: { id: string, state: string, note: string }
causes:
  - cause: went-bad
    title: Somebody made things bad
    affects: bad.rows
    because: "\${{ size(affects) }} things are bad, the first one because of \${{ bad.rows[0].note }}"
    remedy: mend
remedies:
  mend:
    title: Make the bad things good
    risk: medium
    for: thing
    key: \${{ thing.id }}
    do:
      - action: sql.update
        with:
          connection: things
          table: things
          where: { id: "\${{ thing.id }}", state: bad }
          set: { state: good }
    limits: { maxTargets: 20 }
    approval: { by: [oncall], within: 15m }
    verify:
      again: [bad]
      until: size(bad.rows) == 0
      holds: 1s
      every: 1s
      within: 1m
escalate: { to: [platform], message: "\${{ size(bad.rows) }} things are bad" }
`

let program: Available
let browser: Browser
let world: HttpWorld
let worker: Awaited<ReturnType<typeof startWorker>>
let things: pg.Pool
let database: string
beforeAll(async () => {
  program = await chromium()
  if ('missing' in program) return
  browser = await launch(program)
  installRuntime('ERROR')
  const stack = inject('stack')
  database = `story_${process.pid}_things`
  const url = await provisionDatabase(stack.postgresUrl, database, `${database}_owner`)
  await prepareLedger(url, `${database}_owner`)
  things = new pg.Pool({ connectionString: url })
  await things.query(`CREATE TABLE things (id text PRIMARY KEY, grp text NOT NULL, state text NOT NULL, note text NOT NULL, changes integer NOT NULL DEFAULT 0);
    CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changes := OLD.changes + 1; RETURN NEW; END';
    CREATE TRIGGER count_change BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION count_change()`)
  world = await openHttpWorld(stack, {
    ...{ runbooks: { 'bad-things.yaml': RUNBOOK }, env: { THINGS: url } },
    connections: '  things: { kind: postgres, read: "${THINGS}", write: "${THINGS}", ledger: target }\n',
    config: 'environment: production\npages: { colour: red }\n',
  })
  const { problems } = world.engine.files
  if (problems.length > 0) throw new Error(problems.join('\n'))
  worker = await startWorker(world.engine)
}, 400_000)
afterAll(async () => {
  await browser?.close()
  await worker?.stop()
  await world?.close()
  await things?.end()
  if (database === undefined) return
  const admin = new pg.Client({ connectionString: inject('stack').postgresUrl })
  await admin.connect()
  await admin.query(`DROP DATABASE ${database} WITH (FORCE)`)
  await admin.query(`DROP ROLE ${database}_owner`)
  await admin.end()
})
beforeEach((context) => skipWithout(context, program))
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
})

async function addThings(group: string, ids: readonly string[], note = 'a deploy'): Promise<void> {
  for (const id of ids)
    await things.query('INSERT INTO things (id, grp, state, note) VALUES ($1, $2, $3, $4)', [id, group, 'bad', note])
}

/** Opens an incident with the form of the runbook's page, and waits until its proposal is there. */
async function openWithForm(page: Page, group: string): Promise<string> {
  await page.goto('/runbooks/bad-things')
  await page.getByLabel(/^group/).fill(group)
  await page.getByRole('button', { name: 'Open an incident of type bad-thing in production' }).click()
  await page.waitForURL('**/incidents/INC-*')
  await page.getByRole('button', { name: /^Approve: Make the bad things good/ }).waitFor({ timeout: 30_000 })
  return /INC-\d+/.exec(page.url())![0]
}

async function confirm(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Approve: / }).click()
  await page.getByRole('button', { name: /^Yes, approve in production/ }).waitFor()
}

const WAIT = { timeout: 30_000 }

test('an incident goes from a fault to its exported review through the browser only', async () => {
  await addThings('orders', ['order-1', 'order-2'])
  const { page, faults } = await phoneOf(browser, world, 'operator')
  await page.getByRole('link', { name: 'Runbooks' }).last().click()
  await page.waitForURL('**/runbooks')
  await picture(page, 'runbooks')
  await page.getByRole('link', { name: 'bad-things' }).click()
  await page.waitForURL('**/runbooks/bad-things')
  await picture(page, 'runbook')
  await page.getByLabel(/^group/).fill('orders')
  await page.getByRole('button', { name: /^Preview/ }).click()
  await page.getByText('It would propose: Make the bad things good').waitFor(WAIT)
  await picture(page, 'preview')
  expect(await page.getByLabel(/^group/).inputValue()).toBe('orders')
  expect(await accessibilityFaults(page)).toEqual([])
  await page.getByRole('button', { name: /^Open an incident/ }).click()
  await page.waitForURL('**/incidents/INC-*')
  // The proposal arrives while the page is open.
  await page.getByRole('button', { name: /^Approve: Make the bad things good/ }).waitFor(WAIT)
  await confirm(page)
  await page.getByRole('button', { name: /^Yes, approve/ }).click()
  await page.getByText('Closed: resolved. Nothing waits.').waitFor(WAIT)
  await page.getByRole('link', { name: /^Review/ }).click()
  await page.waitForURL('**/review')
  await page.getByText('Verified: the remedy helped.').waitFor()
  await page.getByText('Add a follow-up').click()
  await page.getByLabel('What remains to be done').fill('find out who made the things bad')
  await page.getByLabel(/^Owner/).fill('platform')
  await page.getByRole('button', { name: 'Add the follow-up' }).click()
  await page.getByText('find out who made the things bad').first().waitFor()
  await picture(page, 'review')
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Export as HTML' }).click()
  const file = await readFile(await (await download).path(), 'utf8')
  for (const text of ['find out who made the things bad', 'order-1', 'operator', 'Verified: the remedy helped.'])
    expect(file).toContain(text)
  expect((await things.query(`SELECT state, changes FROM things WHERE grp = 'orders'`)).rows).toEqual([
    { state: 'good', changes: 1 },
    { state: 'good', changes: 1 },
  ])
  expect(faults).toEqual([])
}, 120_000)

test('two people press at the same moment, and each thing is changed once', async () => {
  await addThings('race', ['race-1', 'race-2', 'race-3'])
  const people = [await phoneOf(browser, world, 'operator'), await phoneOf(browser, world, 'lead')]
  const id = await openWithForm(people[0]!.page, 'race')
  await people[1]!.page.goto(`/incidents/${id}`)
  for (const { page } of people) await confirm(page)
  await Promise.allSettled(
    people.map(({ page }) => page.getByRole('button', { name: /^Yes, approve/ }).click({ timeout: 10_000 })),
  )
  const view = async () => (await world.call('GET', `/v1/incidents/${id}`)).json
  await expect.poll(async () => (await view()).outcome, { timeout: 60_000 }).toBe('resolved')
  const [round] = (await view()).rounds
  expect(round.gate.decisions).toHaveLength(1)
  expect(round.effects).toHaveLength(3)
  const changed = await things.query(`SELECT DISTINCT state, changes FROM things WHERE grp = 'race'`)
  expect(changed.rows).toEqual([{ state: 'good', changes: 1 }])
}, 120_000)

test(`${XSS_PAYLOADS.length} payloads in rows, targets and labels of alerts stay text on every page and in the exported file`, async () => {
  expect(new Set(XSS_PAYLOADS).size).toBeGreaterThanOrEqual(60)
  await addThings('xss', XSS_PAYLOADS, XSS_PAYLOADS.join(' '))
  const { page, faults } = await phoneOf(browser, world, 'operator')
  const id = await openWithForm(page, 'xss')
  await addAlerts(id)
  const path = `/incidents/${id}`
  const { rounds } = (await world.call('GET', `/v1${path}`)).json
  const [{ gate, checks }] = rounds
  const pages = [
    path,
    `${path}/approve?digest=${gate.proposalDigest}&target=0&target=1`,
    `${path}/evidence/${checks[0].ref}`,
    `${path}/review`,
    '/',
    '/runbooks/bad-things',
  ]
  for (const address of pages) {
    const answer = await page.goto(address)
    await page.evaluate('document.querySelectorAll("details").forEach((one) => (one.open = true))')
    expect([address, await foreignElements(page)]).toEqual([address, []])
    expect((await answer!.text()).length, address).toBeLessThan(100_000)
    await expectUsableByFinger(page)
  }
  expect(await page.goto(path).then(() => page.getByText('onerror=alert(1)').count())).toBeGreaterThan(0)
  await page.goto(`${path}/review`)
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Export as HTML' }).click()
  const file = await readFile(await (await download).path(), 'utf8')
  // The file is opened as a person opens it: without the headers with which the server protects its pages.
  await page.goto('about:blank')
  await page.setContent(file)
  expect(await foreignElements(page)).toEqual([])
  expect(faults).toEqual([])
}, 180_000)

test('texts from right to left and very long texts neither widen a page nor change the direction of what is around them', async () => {
  const names = [
    '\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd',
    '\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645',
    `${'x'.repeat(900)}`,
    `\u202Etxt.exe`,
  ]
  await addThings('odd', names, '\u05e2\u05d1\u05e8\u05d9\u05ea ' + 'y'.repeat(3_000))
  const { page, faults } = await phoneOf(browser, world, 'operator')
  const id = await openWithForm(page, 'odd')
  for (const address of [`/incidents/${id}`, `/incidents/${id}/review`]) {
    await page.goto(address)
    await page.evaluate('document.querySelectorAll("details").forEach((one) => (one.open = true))')
    await expectUsableByFinger(page)
    expect(await page.content()).not.toContain('\u202E')
    expect(await page.locator('bdi', { hasText: '\u05e9\u05dc\u05d5\u05dd' }).count(), address).toBeGreaterThan(0)
  }
  expect(faults).toEqual([])
}, 120_000)

test.each(['light', 'dark'] as const)(
  'the pages of runbooks and reviews meet WCAG 2.2 AA in %s colours',
  async (colorScheme) => {
    const opened = await world.call('POST', '/v1/incidents', { body: { type: 'bad-thing', inputs: { group: 'none' } } })
    const id = opened.json.incident as string
    await expect.poll(async () => (await world.call('GET', `/v1/incidents/${id}`)).json.state, WAIT).toBe('closed')
    const { planDigest } = (await world.call('GET', `/v1/incidents/${id}`)).json
    const { page } = await phoneOf(browser, world, 'operator', { colorScheme })
    for (const address of [
      '/runbooks',
      '/runbooks/bad-things',
      `/runbooks/bad-things/versions/${planDigest}`,
      `/incidents/${id}`,
      `/incidents/${id}/review`,
    ]) {
      await page.goto(address)
      await page.evaluate('document.querySelectorAll("details").forEach((one) => (one.open = true))')
      expect([address, await accessibilityFaults(page)]).toEqual([address, []])
      await expectUsableByFinger(page)
    }
  },
  120_000,
)

/** Elements and attributes that no page has by itself. */
function foreignElements(page: Page): Promise<string[]> {
  return page.evaluate<string[]>(`(() => {
    const inMain = 'img, script, iframe, object, video, math, marquee, style, base, meta, link, template, noscript, svg:not(.graph)'
      .split(', ').map((one) => 'main ' + one).join(', ')
    const marked = [...document.querySelectorAll(inMain)]
    const all = [...document.querySelectorAll('*')]
    const bad = all.filter((one) => [...one.attributes].some(({ name, value }) =>
      name.startsWith('on') || name === 'srcdoc' || name === 'style' ||
      (/^(href|src|action|formaction)$/.test(name) && /^\\s*(javascript|data:text)/i.test(value))))
    return [...marked, ...bad].map((one) => one.outerHTML.slice(0, 200))
  })()`)
}

/** Alerts that joined the incident, with a payload in a label of each, in its name and in its address. */
async function addAlerts(incident: string): Promise<void> {
  const client = new pg.Client({ connectionString: world.superuserUrl })
  await client.connect()
  for (const [n, payload] of XSS_PAYLOADS.entries())
    await client.query(
      `INSERT INTO runbook.alerts (source, fingerprint, status, incident, labels, annotations, url, first_at)
       VALUES ('alertmanager', $1, 'firing', $2, $3, '{}', $4, now())`,
      [`x${n}`, incident, JSON.stringify({ alertname: payload, job: payload }), payload],
    )
  await client.end()
}
