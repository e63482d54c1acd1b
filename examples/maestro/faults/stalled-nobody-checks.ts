import { MaestroError } from '../errors.ts'
import { keyOf, STALLED_INTERVAL_MS } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import { runningSteps, untilSteps, untilStuck, type Fault } from './fault.ts'
import { untilLocksExpired } from './locks.ts'

/** Workers run with `skipStalledCheck`. Those that had jobs were killed and replaced, so nobody recovers their jobs. */
export const stalledNobodyChecks: Fault = {
  name: 'stalled-nobody-checks',
  title: 'Jobs lost their lock, and no worker checks for stalled jobs',
  async inject(context) {
    const { control, redis, config } = context
    await control.setWorkerOptions({ skipStalledCheck: true })
    const runs = await context.startRuns('video', 3, { transcode: { seconds: 2.5 } })
    const steps = await untilSteps(
      context,
      runs,
      'three running transcodes',
      (rows) => runningSteps(rows, 'transcode').length === 3,
    )
    await control.killWorkers({ names: [...new Set(steps.map((step) => step.worker ?? ''))] })
    const stalled = await untilLocksExpired(
      context,
      steps.map((step) => step.job_id),
    )
    await until(async () => ((await redis.exists(keyOf(config, 'stalled-check'))) === 0 ? true : undefined), {
      timeoutMs: STALLED_INTERVAL_MS + 2000,
      timeoutError: () =>
        new MaestroError(
          'failed',
          'timed out waiting for the stalled check to stop: a worker still checks for stalled jobs',
        ),
    })
    const stuck = await untilStuck(context, runs)
    return {
      runs,
      symptoms: [
        `${stalled.length} jobs are in the active list without a lock: ${stalled.join(', ')}`,
        `workers are connected, but ${keyOf(config, 'stalled-check')} never exists`,
        'their runs stay RUNNING; the last log line of each step is step.started',
        stuck,
      ],
    }
  },
  async heal({ control }) {
    await control.setWorkerOptions({ skipStalledCheck: false })
    return 'the workers were restarted and check for stalled jobs again'
  },
  async isOn({ control }) {
    return (await control.status()).skipStalledCheck
  },
}
