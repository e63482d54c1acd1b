import { setTimeout as pause } from 'node:timers/promises'
import { readConfig } from '../config.ts'
import { MaestroError } from '../errors.ts'
import { serve, stopServing } from '../http/serve.ts'
import { openLog } from '../json-log.ts'
import { reportReady, waitForStop } from '../supervisor/lifecycle.ts'

const MAX_LATENCY_MS = 60_000

const config = readConfig()
const log = openLog(config.dir, 'ml-inference')
let latencyMs = 100

const server = await serve(Number(process.env.MAESTRO_OWN_PORT ?? config.port + 1), {
  'GET /health': () => ({ body: { status: 'ok', latency_ms: latencyMs } }),
  'POST /infer': async ({ run }) => {
    await pause(latencyMs)
    return { body: { run, labels: ['outdoor', 'street'], confidence: 0.93 } }
  },
  'POST /latency': ({ ms }) => {
    if (typeof ms !== 'number' || !(ms >= 0 && ms <= MAX_LATENCY_MS)) {
      throw new MaestroError('usage', `ms must be a number from 0 to ${MAX_LATENCY_MS}`)
    }
    latencyMs = ms
    log.info('latency.set', { ms })
    return { body: { latency_ms: latencyMs } }
  },
})
log.info('process.started')
reportReady()
await waitForStop()
await stopServing(server)
log.info('process.stopped')
process.exit(0)
