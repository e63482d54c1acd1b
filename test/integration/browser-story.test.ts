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
runbook: held-orders
incident: held-order
title: Orders are on hold
inputs:
  group: { type: string, description: The region of the orders }
key: held-order/\${{ inputs.group }}
symptom: size(held.rows) > 0
diagnose:
  held:
    check: sql.query
    with:
      connection: orders
      sql: SELECT id, state, note FROM orders WHERE grp = $1 AND state = 'held' ORDER BY id
      params: ["\${{ inputs.group }}"]
      columns: { id: string, state: string, note: string }
causes:
  - cause: held-by-deploy
    title: A deploy left orders on hold
    affects: held.rows
    because: "\${{ size(affects) }} orders are on hold, the first one because of \${{ held.rows[0].note }}"
    remedy: mend
remedies:
  mend:
    title: Release the orders
    risk: medium
    for: order
    key: \${{ order.id }}
    do:
      - action: sql.update
        with:
          connection: orders
          table: orders
          where: { id: "\${{ order.id }}", state: held }
          set: { state: released }
    limits: { maxTargets: 20 }
    approval: { by: [oncall], within: 15m }
    verify:
      again: [held]
      until: size(held.rows) == 0
      holds: 1s
      every: 1s
      within: 1m
escalate: { to: [platform], message: "\${{ size(held.rows) }} orders are on hold" }
`

let program: Available
let browser: Browser
let world: HttpWorld
let worker: Awaited<ReturnType<typeof startWorker>>
let orders: pg.Pool
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
  orders = new pg.Pool({ connectionString: url })
  await orders.query(`CREATE TABLE orders (id text PRIMARY KEY, grp text NOT NULL, state text NOT NULL, note text NOT NULL, changes integer NOT NULL DEFAULT 0);
    CREATE FUNCTION count_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.changes := OLD.changes + 1; RETURN NEW; END';
    CREATE TRIGGER count_change BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION count_change()`)
  world = await openHttpWorld(stack, {
    ...{ runbooks: { 'held-orders.yaml': RUNBOOK }, env: { ORDERS: url } },
    connections: '  orders: { kind: postgres, read: "${ORDERS}", write: "${ORDERS}", ledger: target }\n',
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
  await orders?.end()
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

async function addOrders(group: string, ids: readonly string[], note = 'a deploy'): Promise<void> {
  for (const id of ids)
    await orders.query('INSERT INTO orders (id, grp, state, note) VALUES ($1, $2, $3, $4)', [id, group, 'held', note])
}

/** Opens an incident with the form of the runbook's page, and waits until its proposal is there. */
async function openWithForm(page: Page, group: string): Promise<string> {
  await page.goto('/runbooks/held-orders')
  await page.getByLabel(/^group/).fill(group)
  await page.getByRole('button', { name: 'Open an incident of type held-order in production' }).click()
  await page.waitForURL('**/incidents/INC-*')
  await page.getByRole('button', { name: /^Approve: Release the orders/ }).waitFor({ timeout: 30_000 })
  return /INC-\d+/.exec(page.url())![0]
}

async function confirm(page: Page): Promise<void> {
  await page.getByRole('button', { name: /^Approve: / }).click()
  await page.getByRole('button', { name: /^Yes, approve in production/ }).waitFor()
}

const WAIT = { timeout: 30_000 }

test('an incident goes from a fault to its exported review through the browser only', async () => {
  await addOrders('europe', ['order-1', 'order-2'])
  const { page, faults } = await phoneOf(browser, world, 'operator')
  await page.getByRole('link', { name: 'Runbooks' }).last().click()
  await page.waitForURL('**/runbooks')
  await picture(page, 'runbooks')
  await page.getByRole('link', { name: 'held-orders' }).click()
  await page.waitForURL('**/runbooks/held-orders')
  await picture(page, 'runbook')
  await page.getByLabel(/^group/).fill('europe')
  await page.getByRole('button', { name: /^Preview/ }).click()
  await page.getByText('It would propose: Release the orders').waitFor(WAIT)
  await picture(page, 'preview')
  expect(await page.getByLabel(/^group/).inputValue()).toBe('europe')
  expect(await accessibilityFaults(page)).toEqual([])
  await page.getByRole('button', { name: /^Open an incident/ }).click()
  await page.waitForURL('**/incidents/INC-*')
  // The proposal arrives while the page is open.
  await page.getByRole('button', { name: /^Approve: Release the orders/ }).waitFor(WAIT)
  await confirm(page)
  await page.getByRole('button', { name: /^Yes, approve/ }).click()
  await page.getByText('Closed: resolved. Nothing waits.').waitFor(WAIT)
  await page.getByRole('link', { name: /^Review/ }).click()
  await page.waitForURL('**/review')
  await page.getByText('Verified: the remedy helped.').waitFor()
  await page.getByText('Add a follow-up').click()
  await page.getByLabel('What remains to be done').fill('find out why the deploy held orders')
  await page.getByLabel(/^Owner/).fill('platform')
  await page.getByRole('button', { name: 'Add the follow-up' }).click()
  await page.getByText('find out why the deploy held orders').first().waitFor()
  await picture(page, 'review')
  const download = page.waitForEvent('download')
  await page.getByRole('link', { name: 'Export as HTML' }).click()
  const file = await readFile(await (await download).path(), 'utf8')
  for (const text of ['find out why the deploy held orders', 'order-1', 'operator', 'Verified: the remedy helped.'])
    expect(file).toContain(text)
  expect((await orders.query(`SELECT state, changes FROM orders WHERE grp = 'europe'`)).rows).toEqual([
    { state: 'released', changes: 1 },
    { state: 'released', changes: 1 },
  ])
  expect(faults).toEqual([])
}, 120_000)

test('two people press at the same moment, and each order is changed once', async () => {
  await addOrders('race', ['race-1', 'race-2', 'race-3'])
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
  const changed = await orders.query(`SELECT DISTINCT state, changes FROM orders WHERE grp = 'race'`)
  expect(changed.rows).toEqual([{ state: 'released', changes: 1 }])
}, 120_000)

test(`${XSS_PAYLOADS.length} payloads in rows, targets and labels of alerts stay text on every page and in the exported file`, async () => {
  expect(new Set(XSS_PAYLOADS).size).toBeGreaterThanOrEqual(60)
  await addOrders('xss', XSS_PAYLOADS, XSS_PAYLOADS.join(' '))
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
    '/runbooks/held-orders',
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
  await addOrders('odd', names, '\u05e2\u05d1\u05e8\u05d9\u05ea ' + 'y'.repeat(3_000))
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
    const opened = await world.call('POST', '/v1/incidents', {
      body: { type: 'held-order', inputs: { group: 'none' } },
    })
    const id = opened.json.incident as string
    await expect.poll(async () => (await world.call('GET', `/v1/incidents/${id}`)).json.state, WAIT).toBe('closed')
    const { planDigest } = (await world.call('GET', `/v1/incidents/${id}`)).json
    const { page } = await phoneOf(browser, world, 'operator', { colorScheme })
    for (const address of [
      '/runbooks',
      '/runbooks/held-orders',
      `/runbooks/held-orders/versions/${planDigest}`,
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
    const held = all.filter((one) => [...one.attributes].some(({ name, value }) =>
      name.startsWith('on') || name === 'srcdoc' || name === 'style' ||
      (/^(href|src|action|formaction)$/.test(name) && /^\\s*(javascript|data:text)/i.test(value))))
    return [...marked, ...held].map((one) => one.outerHTML.slice(0, 200))
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
