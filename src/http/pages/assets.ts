import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Hono } from 'hono'
import { RunbookError } from '../../core/errors.ts'
import { newApp, type ApiEnv } from '../app.ts'

/** The files that pages load. The hash of the content is in the name, so that a browser never uses an old one. */

interface Asset {
  path: string
  type: string
  text: string
}

function asset(name: string, type: string): Asset {
  const text = readFileSync(new URL(`./assets/${name}`, import.meta.url), 'utf8')
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12)
  return { path: `/assets/${name.replace('.', `.${hash}.`)}`, type, text }
}

export const STYLES = asset('pages.css', 'text/css; charset=utf-8')
export const SCRIPT = asset('pages.mjs', 'text/javascript; charset=utf-8')
/** Only for the pages on which somebody uses a passkey. */
export const PASSKEYS_SCRIPT = asset('passkeys.mjs', 'text/javascript; charset=utf-8')

export function assetRoutes(): Hono<ApiEnv> {
  const app = newApp()
  app.get('/assets/:file', (c) => {
    const found = [STYLES, SCRIPT, PASSKEYS_SCRIPT].find(({ path }) => path === c.req.path)
    if (!found) throw new RunbookError('RUNBOOK_NOT_FOUND', `no file ${c.req.path}: reload the page`)
    return c.body(found.text, 200, {
      'content-type': found.type,
      'cache-control': 'public, max-age=31536000, immutable',
    })
  })
  return app
}
