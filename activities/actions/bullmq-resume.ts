import { textParameter } from '../../src/effects/action-parameters.ts'
import { bullmqResume } from '../../src/language/kinds/bullmq-resume.ts'
import { previewWith, type Action } from './action.ts'

export const bullmqResumeAction: Action = {
  kind: bullmqResume,
  implementation: {
    protocol: 'script',
    async call(_parameters, { base }) {
      const keys = ['meta', 'wait', 'prioritized', 'delayed', 'marker', 'events', 'paused'].map(
        (part) => `${base}:${part}`,
      )
      return { script: 'bullmq-resume', keys, argv: [] }
    },
  },
  async preview(parameters, { targets }) {
    const connection = textParameter(parameters, 'connection')
    return previewWith(`resume the queue of ${connection}`, async () => {
      const { redis, base } = await targets.bullmq(connection, 'read')
      const [paused, waiting, prioritized] = await Promise.all([
        redis.hexists(`${base}:meta`, 'paused'),
        redis.llen(`${base}:wait`),
        redis.zcard(`${base}:prioritized`),
      ])
      const before = { queue: base, paused: paused === 1, waiting: waiting + prioritized }
      return {
        rows: [{ before, after: { ...before, paused: false } }],
        count: 1,
        undo: 'pause the queue again',
        ...(paused === 1 ? {} : { warning: 'the queue is not paused: it would be refused now' }),
      }
    })
  },
}
