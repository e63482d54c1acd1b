import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import { chromium as playwright, type Browser, type BrowserContext, type Page } from 'playwright-core'
import { expect } from 'vitest'
import { pathOf, type Available } from '../support/server-programs.ts'
import type { HttpWorld, PersonName } from './http-world.ts'

/** The smallest phone that the pages are made for. */
export const PHONE = { width: 360, height: 740 }

export function launch(chromium: Available): Promise<Browser> {
  // Chromium has no sandbox for root, and tests in a container run as root.
  const args = process.getuid?.() === 0 ? ['--no-sandbox'] : []
  return playwright.launch({ executablePath: pathOf(chromium), args })
}

type ContextOptions = NonNullable<Parameters<Browser['newContext']>[0]>

/**
 * A phone on which this person is signed in, as after sending the form of the sign-in page. `faults`: the errors that the browser reports.
 */
export async function phoneOf(
  browser: Browser,
  world: HttpWorld,
  person: PersonName,
  options: ContextOptions = {},
): Promise<{ context: BrowserContext; page: Page; faults: string[] }> {
  const context = await browser.newContext({ viewport: PHONE, baseURL: world.api.url, ...options })
  const page = await context.newPage()
  const faults: string[] = []
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('pageerror', (error) => faults.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(message.text())
  })
  await page.goto('/sign-in')
  await page.getByLabel('Your token').fill(world.tokens[person])
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(`${world.api.url}/`)
  return { context, page, faults }
}

interface AxeResult {
  violations: { id: string; help: string; nodes: { target: string[]; failureSummary: string }[] }[]
}

/** The violations of WCAG 2.2, level A or AA, that axe can find. */
export async function accessibilityFaults(page: Page): Promise<string[]> {
  await page.evaluate(axe.source)
  const run = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })`
  const { violations } = await page.evaluate<AxeResult>(run)
  return violations.flatMap(({ id, help, nodes }) =>
    nodes.map(({ target, failureSummary }) => `${id}: ${help}: ${target.join(' ')}: ${failureSummary}`),
  )
}

/**
 * Expects that every control is at least 44 px high or wide enough to be touched with a finger, and that nothing is wider than the screen.
 */
export async function expectUsableByFinger(page: Page): Promise<void> {
  const found = await page.evaluate<{ small: string[]; wide: boolean }>(`(() => {
    const small = [...document.querySelectorAll('button, summary, input:not([type=hidden]), .choice, .item > a')]
      .filter((one) => one.offsetParent !== null && !one.closest('.choice:not(label)'))
      .map((one) => ({ one: one.closest('label.choice') ?? one, text: one.outerHTML.slice(0, 80) }))
      .filter(({ one }) => one.getBoundingClientRect().height < 43.5)
      .map(({ text }) => text)
    return { small, wide: document.documentElement.scrollWidth > document.documentElement.clientWidth }
  })()`)
  expect(found).toEqual({ small: [], wide: false })
}

/** The pictures of the documentation are taken when this variable is set. */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env.RUNBOOK_PICTURES === undefined) return
  const folder = join(import.meta.dirname, '../../docs/images')
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}
