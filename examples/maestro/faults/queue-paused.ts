import { MaestroError } from '../errors.ts'
import { keyOf } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import { runningSteps, untilSteps, untilStuck, type Fault } from './fault.ts'

/** Pauses the queue and does not resume it. */
export const queuePaused: Fault = {
  name: 'queue-paused',
  title: 'The queue was paused and never resumed',
  async inject(context) {
    const { queue, redis, config } = context
    const started = await context.startRuns('video', 3, { transcode: { seconds: 1 } })
    await untilSteps(context, started, 'a running transcode', (rows) => runningSteps(rows, 'transcode').length >= 1)
    await queue.pause()
    const queued = await context.startRuns('video', 3)
    const all = started.length + queued.length
    const waiting = await until(
      async () => {
        const count = await redis.llen(keyOf(config, 'wait'))
        return count >= all ? count : undefined
      },
      {
        timeoutMs: 15_000,
        timeoutError: () =>
          new MaestroError('failed', 'timed out after 15 s waiting for the jobs to accumulate in the paused queue'),
      },
    )
    const stuck = await untilStuck(context, started)
    return {
      runs: [...started, ...queued],
      symptoms: [
        `${keyOf(config, 'meta')} has paused=1, and maestro_queue_paused is 1`,
        `maestro_queue_length is ${waiting} and maestro_queue_oldest_waiting_age_seconds rises`,
        `${started.length} runs stay RUNNING between two steps, ${queued.length} stay PENDING; no job is active`,
        stuck,
      ],
    }
  },
  async heal({ queue }) {
    await queue.resume()
    return 'the queue was resumed'
  },
  async isOn({ queue }) {
    return queue.isPaused()
  },
}
