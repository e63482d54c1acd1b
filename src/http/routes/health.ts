import type { Hono } from 'hono'
import { messageOf } from '../../core/errors.ts'
import { withTimeout } from '../../core/abort.ts'
import type { Engine } from '../../engine/engine.ts'
import { newApp, type ApiEnv } from '../app.ts'

const READY_WITHIN_MS = 2_000

/** For what runs the process: `/healthz` says that it lives, `/readyz` that what it needs answers. Neither needs a token. */
export function healthRoutes({ database, temporal }: Engine): Hono<ApiEnv> {
  const app = newApp()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const [database_, temporal_] = await Promise.all([
      answersSoon(() => database.query('SELECT 1')),
      answersSoon(() => temporal.connection.workflowService.getSystemInfo({})),
    ])
    const ready = database_ === 'ok' && temporal_ === 'ok'
    return c.json({ status: ready ? 'ok' : 'not ready', database: database_, temporal: temporal_ }, ready ? 200 : 503)
  })
  return app
}

/** `ok`, or why not. Details of addresses stay in the log of the process: who asks here is not known. */
async function answersSoon(ask: () => Promise<unknown>): Promise<'ok' | 'does not answer'> {
  try {
    await withTimeout(READY_WITHIN_MS, ask)
    return 'ok'
  } catch (error) {
    console.error(`readyz: ${messageOf(error)}`)
    return 'does not answer'
  }
}
