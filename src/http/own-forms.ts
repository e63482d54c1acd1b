import { timingSafeEqual } from 'node:crypto'
import type { Context } from 'hono'
import { RunbookError } from '../core/errors.ts'
import type { Session } from '../engine/sessions.ts'

/** Checks that a form was sent by one of our own pages, and not by a page of another site in the same browser. */

/** The name of the hidden field that holds the form token of the session. */
export const FORM_TOKEN_FIELD = 'formToken'

/**
 * Throws `RUNBOOK_NOT_ALLOWED` if the browser says that another site sent the form. Every browser sends `Origin` with a form; newer
 * browsers send `Sec-Fetch-Site` too.
 */
export function requireOwnOrigin(c: Context): void {
  const site = c.req.header('sec-fetch-site')
  const isOwn =
    site === undefined ? originHost(c.req.header('origin')) === c.req.header('host') : site === 'same-origin'
  if (!isOwn) throw refused('it was sent by another site, or by a program that does not say where the form came from')
}

/** Throws `RUNBOOK_NOT_ALLOWED` if the form does not have the token of the session. */
export async function requireFormToken(c: Context, { formToken }: Session): Promise<void> {
  const sent = (await c.req.parseBody())[FORM_TOKEN_FIELD]
  const [expected, given] = [Buffer.from(formToken), Buffer.from(typeof sent === 'string' ? sent : '')]
  if (expected.length !== given.length || !timingSafeEqual(expected, given))
    throw refused('its token belongs to another session. Go back, reload the page and try again')
}

function originHost(origin: string | undefined): string | undefined {
  return origin !== undefined && URL.canParse(origin) ? new URL(origin).host : undefined
}

function refused(why: string): RunbookError {
  return new RunbookError('RUNBOOK_NOT_ALLOWED', `the form was refused and nothing was changed: ${why}`)
}
