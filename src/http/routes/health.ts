import type { Hono } from 'hono'
import { defined } from '../../core/defined.ts'
import { messageOf } from '../../core/errors.ts'
import { withTimeout } from '../../core/abort.ts'
import type { Engine } from '../../engine/engine.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { cached } from '../cached.ts'

const READY_TIMEOUT_MS = 2_000

/**
 * How long a result is reused. The routes need no token, so without this limit anybody could make the engine ask its database and Temporal
 * as often as they like.
 */
const CACHE_MS = 1_000

/** Probes for the process manager: `/healthz` checks the process, `/readyz` the database and Temporal. Neither needs a token. */
export function healthRoutes({ database, temporal }: Pick<Engine, 'database' | 'temporal'>): Hono<ApiEnv> {
  const app = newApp()
  const readiness = cached(CACHE_MS, async () => {
    let engine: string | undefined
    const [databaseStatus, temporalStatus] = await Promise.all([
      probe(async () => {
        const found = await database.query<{ id: string }>('SELECT id FROM runbook.engine')
        engine = found.rows[0]?.id
      }),
      probe(() => temporal.connection.workflowService.getSystemInfo({})),
    ])
    // The engine's id is not secret. `runbook doctor` compares it, and so notices the API of another installation.
    return defined({ database: databaseStatus, temporal: temporalStatus, engine })
  })
  app.get('/healthz', (c) => c.json({ status: 'ok' }))
  app.get('/readyz', async (c) => {
    const statuses = await readiness()
    const ready = statuses.database === 'ok' && statuses.temporal === 'ok'
    return c.json({ status: ready ? 'ok' : 'not ready', ...statuses }, ready ? 200 : 503)
  })
  return app
}

/** Whether a service answers. The reason of a failure is written only to the log, because the caller is not authenticated. */
async function probe(request: () => Promise<unknown>): Promise<'ok' | 'does not answer'> {
  try {
    await withTimeout(READY_TIMEOUT_MS, request)
    return 'ok'
  } catch (error) {
    console.error(`readyz: ${messageOf(error)}`)
    return 'does not answer'
  }
}
