import { createRoute, z, type OpenAPIHono } from '@hono/zod-openapi'
import { Counter, Gauge, Registry } from 'prom-client'
import type { Engine } from '../../engine/engine.ts'
import { readMetrics, type Metric } from '../../engine/views/metrics.ts'
import { newApp, type ApiEnv } from '../app.ts'
import { cached } from '../cached.ts'
import { problemAnswers } from '../describe.ts'

/** The database is asked at most once in this time, however many monitoring systems ask. */
const CACHE_MS = 2_000

const metrics = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Metrics of the installation, of all its processes, in the text format of Prometheus',
  responses: {
    200: { description: 'The metrics', content: { 'text/plain': { schema: z.string() } } },
    ...problemAnswers([]),
  },
})

export function metricRoutes({ database }: Pick<Engine, 'database'>): OpenAPIHono<ApiEnv> {
  const app = newApp()
  const read = cached(CACHE_MS, () => readMetrics(database))
  app.openapi(metrics, async (c) => {
    const registry = registryOf(await read())
    return c.text(await registry.metrics(), 200, { 'content-type': registry.contentType })
  })
  return app
}

function registryOf(known: Metric[]): Registry {
  const registry = new Registry()
  for (const { name, help, type, labels: labelNames, samples } of known) {
    const options = { name, help, labelNames, registers: [registry] }
    const metric = type === 'counter' ? new Counter(options) : new Gauge(options)
    for (const { labels, value } of samples) metric.inc(labels, value)
  }
  return registry
}
