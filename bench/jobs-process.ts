import { monitorEventLoopDelay } from 'node:perf_hooks'
import { runCheck } from '../activities/checks/run-check.ts'
import { Secret } from '../src/config/secret.ts'
import type { Evidence } from '../src/core/evidence.ts'
import { openTargets } from '../src/targets/open-targets.ts'

/** The check that `bench/jobs.ts` asks this process to measure. */
export interface MeasuredCheck {
  redisUrl: string
  queue: string
  kind: string
  parameters: Record<string, string | number | string[]>
}

export interface JobsMeasured {
  /** By how much the memory of the process grew at most. */
  megabytes: number
  /** The longest time for which the event loop was held. */
  heldMs: number
  tookMs: number
  evidence: Pick<Evidence, 'status' | 'truncated' | 'error'>
}

/** The check runs in a process that did nothing before, so that the memory of earlier checks does not hide its own. */
process.once('message', (check: MeasuredCheck) => {
  void measure(check).then((measured) => process.send!(measured))
})
process.once('disconnect', () => process.exit(0))

async function measure({ redisUrl, queue, kind, parameters }: MeasuredCheck): Promise<JobsMeasured> {
  const connection = (name: string) => ({
    ...{ kind: 'bullmq' as const, read: new Secret('${BENCH_REDIS}', 'bench', redisUrl, []), prefix: 'bench' },
    ...{ queue: name, stalledIntervalMs: 30_000, redact: [] },
  })
  const targets = openTargets({
    checks: { memoryMb: 256 },
    connections: { empty: connection('empty'), measured: connection(queue) },
  })
  const run = (name: string) =>
    runCheck(
      {
        name: 'check',
        kind,
        parameters: { ...parameters, connection: name },
        timeoutMs: 60_000,
        retries: 0,
        place: 'p',
      },
      targets,
    )
  // The modules of the check are loaded by its first run.
  await run('empty')
  const before = process.memoryUsage.rss()
  let most = before
  const timer = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 2)
  const loop = monitorEventLoopDelay({ resolution: 1 })
  loop.enable()
  const started = performance.now()
  const { status, truncated, error } = await run('measured')
  const tookMs = performance.now() - started
  loop.disable()
  clearInterval(timer)
  const megabytes = (Math.max(most, process.memoryUsage.rss()) - before) / 1024 / 1024
  await targets.close()
  return { megabytes, heldMs: loop.max / 1e6, tookMs, evidence: { status, truncated, ...(error ? { error } : {}) } }
}
