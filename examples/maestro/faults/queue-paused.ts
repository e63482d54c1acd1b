import { MaestroError } from '../errors.ts'
import { keyOf } from '../queue/connect.ts'
import { until } from '../repeat.ts'
import { running, untilSteps, untilStuck, type Fault } from './fault.ts'

/** Somebody paused the queue and did not resume it. */
export const queuePaused: Fault = {
  name: 'queue-paused',
  title: 'The queue was paused and never resumed',
  async inject(context) {
    const { queue, redis, config } = context
    const underWay = await context.startRuns('video', 3, { transcode: { seconds: 1 } })
    await untilSteps(context, underWay, 'a transcode at work', (rows) => running(rows, 'transcode').length >= 1)
    await queue.pause()
    const behind = await context.startRuns('video', 3)
    const all = underWay.length + behind.length
    const waiting = await until(
      async () => {
        const count = await redis.llen(keyOf(config, 'wait'))
        return count >= all ? count : undefined
      },
      { withinMs: 15_000, otherwise: () => new MaestroError('failed', 'the jobs do not pile up behind the pause') },
    )
    const stuck = await untilStuck(context, underWay)
    return {
      runs: [...underWay, ...behind],
      see: [
        `${keyOf(config, 'meta')} has paused=1, and maestro_queue_paused is 1`,
        `maestro_queue_length is ${waiting} and maestro_queue_oldest_waiting_age_seconds rises`,
        `${underWay.length} runs stay RUNNING between two steps, ${behind.length} stay PENDING; nothing is active`,
        stuck,
      ],
    }
  },
  async heal({ queue }) {
    await queue.resume()
    return 'the queue is resumed'
  },
  async isOn({ queue }) {
    return queue.isPaused()
  },
}
