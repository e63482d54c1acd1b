import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { ProposedAction } from '../../src/core/proposal.ts'
import { addNote } from '../../src/engine/incident-actions.ts'
import { decideGate } from '../../src/engine/decide-gate.ts'
import { signOutEverywhere } from '../../src/engine/sessions.ts'
import { closeIncident } from '../../src/history/close.ts'
import { chromium, skipWithout, type Available } from '../support/server-programs.ts'
import { accessibilityFaults, expectUsableByFinger, launch, phoneOf, PHONE, picture } from './browser-world.ts'
import { openHttpWorld, openTestGate, type HttpWorld } from './http-world.ts'

let program: Available
let browser: Browser
let world: HttpWorld
beforeAll(async () => {
  program = await chromium()
  if ('missing' in program) return
  browser = await launch(program)
  world = await openHttpWorld(inject('stack'), {
    config: 'environment: production\npages: { colour: red }\n',
    runbooks: { 'stuck-runs.yaml': RUNBOOK },
  })
}, 400_000)
afterAll(async () => {
  await browser?.close()
  await world?.close()
})
beforeEach((context) => skipWithout(context, program))
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
})

/** Each incident of this runbook has a key of its own, so that tests do not join the incidents of other tests. */
const RUNBOOK = `version: 1
runbook: stuck-runs
incident: stuck-run
title: A run stays RUNNING without progress
inputs: { queue: { type: string } }
key: stuck-run/\${{ inputs.queue }}
diagnose:
  seen: { check: sql.query, with: { connection: db, sql: SELECT 1 AS n, columns: { n: int } } }
causes:
  - { cause: stalled-nobody-checks, title: Nobody checks for stalled jobs, when: size(seen.rows) > 0, because: stalled jobs, remedy: none }
escalate: { to: [platform], message: an operator must act }
`
let proposals = 0

const RUNS = ['run-b710a4b075', 'run-10564ecf31', 'run-52da6adbe1']

const update = (target: string): ProposedAction => ({
  id: '0-sql.update',
  kind: 'sql.update',
  access: 'write',
  target,
  with: { connection: 'db', table: 'runs', where: { id: target, status: 'RUNNING' }, set: { status: 'FAILED' } },
  preview: {
    summary: `UPDATE runs SET status = 'FAILED', failure_reason = 'Stalled' WHERE id = '${target}' AND status = 'RUNNING'`,
    rows: [
      {
        before: { id: target, status: 'RUNNING', failure_reason: null },
        after: { id: target, status: 'FAILED', failure_reason: 'Stalled' },
      },
    ],
    undo: 'set status back to RUNNING',
    count: 1,
  },
})

async function proposed(count = 1) {
  proposals += 1
  const inputs = { queue: proposals === 1 ? 'orders' : `orders-${proposals}` }
  const id = (await world.call('POST', '/v1/incidents', { body: { type: 'stuck-run', inputs } })).json
    .incident as string
  const digest = await openTestGate(world, id, count, RUNS.map(update), {
    withinMs: 15 * 60_000,
    cause: 'stalled-nobody-checks',
    title: 'Mark the stalled runs FAILED, so that recovery restarts them',
    risk: 'medium',
    because: '3 runs hold a job without a lock while 2 workers are up, none of which checks for stalled jobs',
    targets: RUNS.map((key) => ({ key, item: null, lock: `${id}/${key}` })),
    affected: 3,
  })
  return { id, gate: `${id}.r1`, digest }
}

const gateOf = async (id: string) => (await world.call('GET', `/v1/incidents/${id}`)).json.rounds[0].gate

/** Presses Tab until the element with the focus has this text; at most as often as a page has controls. */
async function tabTo(page: Page, text: RegExp): Promise<void> {
  for (let i = 0; i < 60; i += 1) {
    await page.keyboard.press('Tab')
    if (text.test(await page.evaluate<string>('document.activeElement.innerText ?? ""'))) return
  }
  throw new Error(`no control ${text} can be reached with Tab`)
}

describe('on a phone', () => {
  test('a proposal is approved with the keyboard alone, and the page says so', async () => {
    const { id } = await proposed()
    const { page, faults } = await phoneOf(browser, world, 'operator')
    await picture(page, 'inbox')
    await tabTo(page, new RegExp(id))
    await page.keyboard.press('Enter')
    await page.waitForURL(`**/incidents/${id}`)
    await picture(page, 'incident')
    await tabTo(page, /^Approve: Mark the stalled runs/)
    await page.keyboard.press('Enter')
    await page.waitForURL('**/approve?*')
    await picture(page, 'confirm')
    await tabTo(page, /^Yes, approve in production: .* \(3 targets\)/)
    await page.keyboard.press('Enter')
    await page.waitForURL(`**/incidents/${id}`)
    expect(await page.getByText('operator approved').count()).toBeGreaterThan(0)
    await picture(page, 'approved')
    expect((await gateOf(id)).state).toBe('approved')
    // The script may ask for the confirmation once more between the decision and the next page. The answer is then 409.
    expect(faults.filter((fault) => !fault.includes('status of 409'))).toEqual([])
  })

  test('what, how many, risk, quorum, expiry and environment are visible without scrolling, and Reject is not near Approve', async () => {
    const { id } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    await page.goto(`/incidents/${id}`)
    for (const text of [
      /^production$/,
      /^Mark the stalled runs/,
      /^3 targets$/,
      /^risk: medium$/,
      /^0 of 1 approval$/,
      /^expires in \d+m \d\ds, at \d/,
    ]) {
      const box = await page
        .locator('header, #gate h2, #gate .facts > span, .environment')
        .getByText(text)
        .or(page.locator('#gate h2, #gate .facts > span, .environment').filter({ hasText: text }))
        .first()
        .boundingBox()
      expect(box!.y + box!.height, String(text)).toBeLessThanOrEqual(PHONE.height)
    }
    const approve = (await page.getByRole('button', { name: /^Approve/ }).boundingBox())!
    expect(approve.y + approve.height).toBeLessThanOrEqual(PHONE.height)
    const reject = (await page.getByText('Reject …').boundingBox())!
    expect(reject.y - (approve.y + approve.height)).toBeGreaterThan(100)
    await expectUsableByFinger(page)
  })

  test('a part of the targets is approved, and the number on the button follows', async () => {
    const { id } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    await page.goto(`/incidents/${id}`)
    await page.getByLabel(RUNS[1]!).uncheck()
    await page.getByRole('button', { name: /\(2 targets\)/ }).click()
    await page.getByRole('button', { name: /^Yes, approve .* \(2 targets\)/ }).click()
    await page.waitForURL(`**/incidents/${id}`)
    expect((await gateOf(id)).decisions[0].targets).toEqual([RUNS[0], RUNS[2]])
  })

  test('a rejection has a reason and is recorded', async () => {
    const { id } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    await page.goto(`/incidents/${id}`)
    await page.getByText('Reject …').click()
    await page.getByRole('button', { name: /^Reject/ }).click()
    expect((await gateOf(id)).state).toBe('open')
    await page.getByLabel(/^Why/).fill('deploy in progress')
    await page.getByRole('button', { name: /^Reject/ }).click()
    await page.waitForURL(`**/incidents/${id}`)
    expect(await gateOf(id)).toMatchObject({ state: 'rejected', decisions: [{ comment: 'deploy in progress' }] })
  })

  test('everything works without JavaScript', async () => {
    const { id } = await proposed()
    const { page, faults } = await phoneOf(browser, world, 'operator', { javaScriptEnabled: false })
    await page.goto(`/incidents/${id}`)
    await page.getByLabel(RUNS[0]!).uncheck()
    await page.getByRole('button', { name: /^Approve/ }).click()
    await page.getByRole('button', { name: /^Yes, approve .* \(2 targets\)/ }).click()
    await page.waitForURL(`**/incidents/${id}`)
    expect((await gateOf(id)).state).toBe('approved')
    await page.getByText('operator', { exact: true }).first().click()
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await page.waitForURL('**/sign-in')
    expect(faults).toEqual([])
  })
})

describe('while a person reads', () => {
  test("somebody else's decision disables the buttons within two seconds and says why; what was typed stays", async () => {
    const { id, gate, digest } = await proposed(2)
    const { page } = await phoneOf(browser, world, 'operator')
    await page.goto(`/incidents/${id}`)
    await page.getByText('Reject …').click()
    await page.getByLabel(/^Why/).fill('I am thinking')
    await decideGate(world.engine, world.engine.people.lead!, { gate, proposalDigest: digest, decision: 'approve' })
    await page.getByText('The buttons are disabled.').waitFor({ timeout: 2_000 })
    expect(await page.getByRole('button', { name: /^Approve/ }).isDisabled()).toBe(true)
    expect(await page.getByLabel(/^Why/).inputValue()).toBe('I am thinking')
    await page.getByRole('link', { name: 'Reload the page' }).click()
    await page.getByText('1 of 2 approvals').waitFor()
    expect(await page.getByRole('button', { name: /^Approve/ }).isEnabled()).toBe(true)
  })

  test('the buttons are disabled when the time to decide is over, and pressing them anyway changes nothing', async () => {
    const { id, gate } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    await world.engine.database.query(
      `UPDATE runbook.gates SET expires_at = clock_timestamp() + interval '3 seconds' WHERE id = $1`,
      [gate],
    )
    await page.goto(`/incidents/${id}`)
    await page.getByText('The time to decide is over.').waitFor({ timeout: 10_000 })
    const approve = page.getByRole('button', { name: /^Approve/ })
    expect(await approve.isDisabled()).toBe(true)
    await page.evaluate('for (const button of document.querySelectorAll("[data-decides]")) button.disabled = false')
    await approve.click()
    await page.getByText('Nothing was changed.').waitFor()
    await page.getByText('Waits for a worker: the time to decide is over').waitFor()
    expect(await page.getByRole('button', { name: /^Approve/ }).count()).toBe(0)
    expect(await gateOf(id)).toMatchObject({ state: 'overdue', decisions: [] })
  })

  test('the confirmation is disabled when somebody else has decided, and approving it anyway changes nothing', async () => {
    const { id, gate, digest } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    await page.goto(`/incidents/${id}`)
    await page.getByRole('button', { name: /^Approve/ }).click()
    await page.getByRole('button', { name: /^Yes, approve/ }).waitFor()
    const decision = { gate, proposalDigest: digest, decision: 'reject', comment: 'no' } as const
    await decideGate(world.engine, world.engine.people.lead!, decision)
    await page.getByText('The buttons are disabled.').waitFor({ timeout: 2_000 })
    await page.evaluate('document.querySelector("[data-decides]").disabled = false')
    await page.getByRole('button', { name: /^Yes, approve/ }).click()
    await page.getByText('Nothing was changed.').waitFor()
    expect((await gateOf(id)).decisions).toHaveLength(1)
  })

  test('of two people who press at the same moment, one decides', async () => {
    const { id } = await proposed()
    const people = [await phoneOf(browser, world, 'operator'), await phoneOf(browser, world, 'lead')]
    for (const { page } of people) {
      await page.goto(`/incidents/${id}`)
      await page.getByRole('button', { name: /^Approve/ }).click()
      await page.getByRole('button', { name: /^Yes, approve/ }).waitFor()
    }
    await Promise.allSettled(
      people.map(({ page }) => page.getByRole('button', { name: /^Yes, approve/ }).click({ timeout: 5_000 })),
    )
    await expect.poll(async () => (await gateOf(id)).state).toBe('approved')
    expect((await gateOf(id)).decisions).toHaveLength(1)
  })

  test('new events appear without a reload', async () => {
    const { id } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    await page.goto(`/incidents/${id}`)
    await addNote(world.engine, world.engine.people.lead!, id, 'I look into it')
    await page.getByText('lead: I look into it').waitFor({ timeout: 2_000 })
    expect(await page.title()).toBe(`(1) ${id} stuck-run`)
  })

  test('a page that the server gave no stream says so, and follows the incident as soon as it gets one', async () => {
    const { id } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    let refused = 0
    await page.route('**/events?*', (route) => {
      refused += 1
      return refused === 1 ? route.fulfill({ status: 429 }) : route.continue()
    })
    await page.goto(`/incidents/${id}`)
    await page.getByText('This page is not updated now').waitFor()
    await addNote(world.engine, world.engine.people.lead!, id, 'a later note')
    await page.getByText('lead: a later note').waitFor({ timeout: 10_000 })
    expect(await page.getByText('This page is not updated now').isVisible()).toBe(false)
  })

  test('a page whose incident was closed does not say that the connection is lost', async () => {
    const { id } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    await page.goto(`/incidents/${id}`)
    const ended = page.waitForResponse((answer) => answer.url().includes('/events?') && answer.status() !== 200)
    await closeIncident(world.engine.database, { incident: id, outcome: 'cancelled', reason: 'a drill' })
    await ended
    await page.getByText('Closed: cancelled. Nothing waits.').waitFor()
    await page.getByText('The connection is lost').waitFor({ state: 'hidden', timeout: 5_000 })
    expect(await page.getByText('This page is not updated now').isVisible()).toBe(false)
  })

  test('a session that ended disables the buttons and asks to sign in again', async () => {
    const { id } = await proposed()
    const { page } = await phoneOf(browser, world, 'operator')
    await page.goto(`/incidents/${id}`)
    await signOutEverywhere(world.engine, world.engine.people.operator!)
    await addNote(world.engine, world.engine.people.lead!, id, 'the deploy is over')
    await page.getByText('You are signed out: reload the page').waitFor({ timeout: 2_000 })
    expect(await page.getByRole('button', { name: /^Approve/ }).isDisabled()).toBe(true)
    await page.reload()
    await page.waitForURL('**/sign-in?next=*')
  })
})

test('a link in a chat of another site opens the incident without signing in again', async () => {
  const { id } = await proposed()
  const { page } = await phoneOf(browser, world, 'operator')
  // The same server under another name is another site, to which the cookie does not belong.
  const other = world.api.url.replace('127.0.0.1', 'localhost')
  await page.goto(`${other}/sign-in`)
  await page.evaluate(`(() => {
    const link = document.createElement('a')
    link.href = ${JSON.stringify(`${world.api.url}/incidents/${id}`)}
    link.textContent = 'from the chat'
    document.querySelector('main').append(link)
  })()`)
  await page.getByText('from the chat').click()
  await page.getByRole('heading', { name: id }).waitFor()
  expect(page.url()).toBe(`${world.api.url}/incidents/${id}?opened=1`)
})

test('no text from outside becomes markup or a script', async () => {
  const hostile = `<img src=x onerror=alert(1)><script>alert(2)</script><svg/onload=alert(3)>"'><a href="javascript:alert(4)">`
  const opened = await world.call('POST', '/v1/incidents', { body: { type: 'test-run', inputs: { run: hostile } } })
  const id = opened.json.incident as string
  const action = { ...update('a'), with: { connection: hostile, [hostile]: hostile } }
  const preview = {
    summary: hostile,
    undo: hostile,
    warning: hostile,
    rows: [{ before: { [hostile]: 1 }, after: { [hostile]: hostile } }],
  }
  await openTestGate(world, id, 1, [{ ...action, preview }], { because: hostile, title: hostile })
  const { page, faults } = await phoneOf(browser, world, 'operator')
  for (const path of ['/', `/incidents/${id}`]) {
    await page.goto(path)
    await page.getByText('onerror=alert(1)').first().waitFor()
    expect(await page.locator('main img, main script, main svg:not(.graph), main a[href^="javascript"]').count()).toBe(
      0,
    )
  }
  // The script replaces the live parts. It must not turn their text into markup either.
  await addNote(world.engine, world.engine.people.lead!, id, `${hostile} from a note`)
  await page.getByText('from a note').waitFor()
  expect(await page.locator('main img, main script, main svg:not(.graph)').count()).toBe(0)
  expect(faults).toEqual([])
})

test.each(['light', 'dark'] as const)('every page meets WCAG 2.2 AA in %s colours', async (colorScheme) => {
  const { id, digest } = await proposed()
  const { page } = await phoneOf(browser, world, 'operator', { colorScheme })
  const pages = {
    inbox: '/',
    status: '/status',
    insights: '/insights',
    connections: '/connections',
    connection: '/connections/db',
    incident: `/incidents/${id}`,
    confirmation: `/incidents/${id}/approve?digest=${digest}&target=0`,
    refused: `/incidents/${id}/approve?digest=${digest}`,
    'not found': '/incidents/INC-999999',
    'sign in': '/sign-in',
    link: '/sign-in/link?code=x',
  }
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(path)
    await page.evaluate('document.querySelectorAll("details").forEach((one) => (one.open = true))')
    expect(await accessibilityFaults(page), name).toEqual([])
    await expectUsableByFinger(page)
  }
})

test('axe reports what breaks WCAG', async () => {
  const { page } = await phoneOf(browser, world, 'operator')
  await page.evaluate('document.querySelector("h1").insertAdjacentHTML("afterend", "<input>")')
  expect(await accessibilityFaults(page)).toEqual([expect.stringMatching(/^label: /)])
})
