import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, expect, inject, test } from 'vitest'
import { freePort } from '../../src/stack/ports.ts'
import { chromium, skipWithout, type Available } from '../support/server-programs.ts'
import { accessibilityFaults, expectUsableByFinger, launch, PHONE } from './browser-world.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

let program: Available
let browser: Browser
let world: HttpWorld
let origin: string
beforeAll(async () => {
  program = await chromium()
  if ('missing' in program) return
  browser = await launch(program)
  const port = await freePort([])
  origin = `http://localhost:${port}`
  world = await openHttpWorld(inject('stack'), { port, config: `url: ${origin}\nenvironment: production\n` })
}, 400_000)
afterAll(async () => {
  await browser?.close()
  await world?.close()
})
beforeEach((context) => skipWithout(context, program))
afterEach(async () => {
  for (const context of browser.contexts()) await context.close()
})

interface Phone {
  context: BrowserContext
  page: Page
  faults: string[]
  /** Whether the person passes the check of the device (a fingerprint, a PIN). */
  verify(isVerified: boolean): Promise<void>
}

/** A phone of the lead with Chromium's own virtual authenticator. */
async function phone(): Promise<Phone> {
  const context = await browser.newContext({ viewport: PHONE, baseURL: origin })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      ...{ protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true },
      ...{ isUserVerified: true, automaticPresenceSimulation: true },
    },
  })
  await page.goto('/sign-in')
  await page.getByLabel('Your token').fill(world.tokens.lead)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(`${origin}/`)
  const verify = async (isUserVerified: boolean) => {
    await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified })
  }
  return { context, page, faults, verify }
}

async function register(page: Page, label: string): Promise<void> {
  await page.goto('/account')
  await page.getByLabel(/^A name for the device/).fill(label)
  await page.getByRole('button', { name: 'Register a passkey' }).click()
  await page.getByText(label).waitFor()
}

async function proposed() {
  const id = await openIncident(world)
  const update = (target: string) => ({
    ...{ id: '0-sql.update', kind: 'sql.update', access: 'write' as const, target, with: { connection: 'db' } },
    preview: { summary: '' },
  })
  await openTestGate(world, id, 1, [update('a'), update('b')], { risk: 'medium' }, 'passkey')
  return id
}

const gateOf = async (id: string) => (await world.call('GET', `/v1/incidents/${id}`)).json.rounds[0].gate

test('a person registers a passkey, approves with it on a phone, and removes it', async () => {
  const { page, faults } = await phone()
  const id = await proposed()
  await page.goto(`/incidents/${id}`)
  await page.getByRole('link', { name: 'My account' }).last().click()
  await page.waitForURL('**/account')
  expect(await accessibilityFaults(page)).toEqual([])
  await expectUsableByFinger(page)
  await register(page, 'my phone')
  await page.goto(`/incidents/${id}`)
  await page.getByRole('button', { name: /^Approve/ }).click()
  await page.waitForURL('**/approve?*')
  expect(await accessibilityFaults(page)).toEqual([])
  await expectUsableByFinger(page)
  await page.getByRole('button', { name: /^Yes, approve in production: .*, with your passkey$/ }).click()
  await page.waitForURL(`**/incidents/${id}`)
  expect(await gateOf(id)).toMatchObject({ state: 'approved', decisions: [{ person: 'lead', decision: 'approve' }] })
  await page.goto('/account')
  await page.getByRole('button', { name: 'Remove my phone' }).click()
  await page.getByText('You have no passkey.').waitFor()
  expect(faults).toEqual([])
})

test('a person who does not pass the check of the device approves nothing, and may try again', async () => {
  const { page, verify } = await phone()
  await register(page, 'second phone')
  const id = await proposed()
  await page.goto(`/incidents/${id}`)
  await page.getByRole('button', { name: /^Approve/ }).click()
  await page.waitForURL('**/approve?*')
  await verify(false)
  const yes = page.getByRole('button', { name: /^Yes, approve/ })
  await yes.click()
  await page.getByText('Nothing was sent: it was cancelled, or took too long.').waitFor()
  expect((await gateOf(id)).state).toBe('open')
  await verify(true)
  await yes.click()
  await page.waitForURL(`**/incidents/${id}`)
  expect((await gateOf(id)).state).toBe('approved')
})
