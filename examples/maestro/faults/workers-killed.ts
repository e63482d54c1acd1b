import { runningSteps, untilSteps, untilStuck, type Fault } from './fault.ts'
import { untilLocksExpired } from './locks.ts'

/** Kills every worker with SIGKILL while it works, and starts no new ones. */
export const workersKilled: Fault = {
  name: 'workers-killed',
  title: 'All workers were killed, and none is left',
  async inject(context) {
    const runs = await context.startRuns('video', 4, { transcode: { seconds: 2.5 } })
    const steps = await untilSteps(
      context,
      runs,
      'two running transcodes',
      (rows) => runningSteps(rows, 'transcode').length >= 2,
    )
    await context.control.killWorkers({ scaleToZero: true })
    const stalled = await untilLocksExpired(
      context,
      runningSteps(steps, 'transcode').map((step) => step.job_id),
    )
    const stuck = await untilStuck(context, runs)
    return {
      runs,
      symptoms: [
        'maestro_workers is 0, and `maestro status` shows no worker',
        `${stalled.length} jobs are in the active list without a lock: ${stalled.join(', ')}`,
        'their runs stay RUNNING; the last log line of each step is step.started',
        stuck,
      ],
    }
  },
  async heal({ control, config }) {
    await control.scale(config.workers)
    return `${config.workers} workers were started; their stalled check recovers the jobs`
  },
  async isOn({ control }) {
    return (await control.status()).targetCount === 0
  },
}
