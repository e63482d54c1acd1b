import type { Hono } from 'hono'
import { messageOf } from '../../core/errors.ts'
import { withTimeout } from '../../core/abort.ts'
import type { Engine } from '../../engine/engine.ts'
import { newApp, type ApiEnv } from '../app.ts'

const READY_TIMEOUT_MS = 2_000

/** Probes for the process manager: `/healthz` checks the process, `/readyz` the database and Temporal. Neither needs a token. */
export function healthRoutes({ database, temporal }: Engine): Hono<ApiEnv> {
  const app = newApp()
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const [databaseStatus, temporalStatus] = await Promise.all([
      probe(() => database.query('SELECT 1')),
      probe(() => temporal.connection.workflowService.getSystemInfo({})),
    ])
    const ready = databaseStatus === 'ok' && temporalStatus === 'ok'
    return c.json(
      { status: ready ? 'ok' : 'not ready', database: databaseStatus, temporal: temporalStatus },
      ready ? 200 : 503,
    )
  })
  return app
}

/** The caller is not authenticated, so the reason goes to the log only. */
async function probe(request: () => Promise<unknown>): Promise<'ok' | 'does not answer'> {
  try {
    await withTimeout(READY_TIMEOUT_MS, request)
    return 'ok'
  } catch (error) {
    console.error(`readyz: ${messageOf(error)}`)
    return 'does not answer'
  }
}
