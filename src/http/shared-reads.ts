import type { InsightRequest } from '../core/insight-request.ts'
import type { Engine } from '../engine/engine.ts'
import { readConnection } from '../engine/views/connections.ts'
import { readInsights } from '../engine/views/insights.ts'
import { temporalProblem } from '../engine/views/status.ts'
import type { ConnectionView, Insights } from '../engine/views/view-types.ts'
import { cached, cachedEach } from './cached.ts'

/** Reads that cost much. The API and the pages share each result among all who ask for it within a short time. */
export interface SharedReads {
  insights(request: InsightRequest): Promise<Insights>
  connection(name: string): Promise<ConnectionView>
  /** Why Temporal does not answer; null if it does. */
  temporal(): Promise<string | null>
}

export function sharedReads(engine: Engine): SharedReads {
  return {
    // Insights read the whole history of a period.
    insights: cachedEach({ ms: 60_000, max: 20 }, (request: InsightRequest) => readInsights(engine, request)),
    temporal: cached(2_000, () => temporalProblem(engine)),
    // The systems behind connections may be in trouble, so many readers must not cost them more than one reader.
    connection: cachedEach({ ms: 5_000, max: 200 }, (name: string) => readConnection(engine, name)),
  }
}
