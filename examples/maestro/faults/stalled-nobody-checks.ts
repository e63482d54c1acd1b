import { MaestroError } from '../errors.ts'
import { keyOf, STALLED_INTERVAL_MS } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import { running, untilSteps, untilStuck, type Fault } from './fault.ts'
import { untilLocksExpired } from './locks.ts'

/** Workers run with `skipStalledCheck`; those that held jobs died and were replaced: the jobs are nobody's. */
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
      'three transcodes at work',
      (rows) => running(rows, 'transcode').length === 3,
    )
    await control.killWorkers({ names: [...new Set(steps.map((step) => step.worker ?? ''))] })
    const left = await untilLocksExpired(
      context,
      steps.map((step) => step.job_id),
    )
    await until(async () => ((await redis.exists(keyOf(config, 'stalled-check'))) === 0 ? true : undefined), {
      withinMs: STALLED_INTERVAL_MS + 2000,
      otherwise: () => new MaestroError('failed', 'somebody still checks for stalled jobs'),
    })
    const stuck = await untilStuck(context, runs)
    return {
      runs,
      see: [
        `${left.length} jobs are in active without a lock: ${left.join(', ')}`,
        `workers are connected, but ${keyOf(config, 'stalled-check')} is never there`,
        'their runs stay RUNNING, their logs have a step.started and then nothing',
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
