import type { Hono } from 'hono'
import type { Engine } from '../../engine/engine.ts'
import { newApp, type ApiEnv } from '../app.ts'
import type { EventStreams } from '../routes/events.ts'
import type { SendReview } from '../send-review.ts'
import type { SharedReads } from '../shared-reads.ts'
import { accountRoutes } from './account.tsx'
import { actRoutes } from './act.ts'
import { approveRoutes } from './approve.tsx'
import { assetRoutes } from './assets.ts'
import { connectionPageRoutes } from './connections.tsx'
import { evidenceRoutes } from './evidence.tsx'
import { inboxRoutes } from './inbox.tsx'
import { incidentRoutes } from './incident.tsx'
import { insightPageRoutes } from './insights.tsx'
import { reviewPageRoutes } from './review.tsx'
import { runbookPageRoutes } from './runbooks.tsx'
import { signInRoutes } from './sign-in.tsx'
import { oidcRoutes } from './sign-in-oidc.ts'
import { statusPageRoutes } from './status.tsx'

/** The parts of the API that the pages use too. */
interface PageServices {
  streams: EventStreams
  sendReview: SendReview
  reads: SharedReads
}

/** The pages for a browser. Each reads the views that the API and the command line use too. */
export function pageRoutes(engine: Engine, { streams, sendReview, reads }: PageServices): Hono<ApiEnv> {
  const app = newApp()
  app.route('/', assetRoutes())
  app.route('/', signInRoutes(engine))
  app.route('/', oidcRoutes(engine))
  app.route('/', accountRoutes(engine))
  app.route('/', inboxRoutes(engine))
  app.route('/', statusPageRoutes(engine, reads))
  app.route('/', insightPageRoutes(engine, reads))
  app.route('/', connectionPageRoutes(engine, reads))
  app.route('/', incidentRoutes(engine, streams))
  app.route('/', approveRoutes(engine))
  app.route('/', actRoutes(engine))
  app.route('/', evidenceRoutes(engine))
  app.route('/', reviewPageRoutes(engine, sendReview))
  app.route('/', runbookPageRoutes(engine))
  return app
}
