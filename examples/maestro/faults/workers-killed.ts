import { running, untilSteps, untilStuck, type Fault } from './fault.ts'
import { untilLocksExpired } from './locks.ts'

/** kill -9 for every worker in the middle of its work, and none is held any more. */
export const workersKilled: Fault = {
  name: 'workers-killed',
  title: 'All workers were killed, and none is left',
  async inject(context) {
    const runs = await context.startRuns('video', 4, { transcode: { seconds: 2.5 } })
    const steps = await untilSteps(
      context,
      runs,
      'two transcodes at work',
      (rows) => running(rows, 'transcode').length >= 2,
    )
    await context.control.killWorkers({ holdNone: true })
    const left = await untilLocksExpired(
      context,
      running(steps, 'transcode').map((step) => step.job_id),
    )
    const stuck = await untilStuck(context, runs)
    return {
      runs,
      see: [
        'maestro_workers is 0, and `maestro status` holds no worker',
        `${left.length} jobs are in active without a lock: ${left.join(', ')}`,
        'their runs stay RUNNING, their logs have a step.started and then nothing',
        stuck,
      ],
    }
  },
  async heal({ control, config }) {
    await control.scale(config.workers)
    return `${config.workers} workers are held again; their stall check moves the jobs on`
  },
  async isOn({ control }) {
    return (await control.status()).held === 0
  },
}
