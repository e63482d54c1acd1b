import { defined } from '../../src/core/defined.ts'
import { textParameter } from '../../src/effects/action-parameters.ts'
import { bullmqResume } from '../../src/language/kinds/bullmq-resume.ts'
import { isPausedByBull } from '../checks/queue-exists.ts'
import { previewWith, type Action } from './action.ts'
import { resumeRefusal } from './refusal.ts'

export const bullmqResumeAction: Action = {
  kind: bullmqResume,
  implementation: {
    protocol: 'script',
    async call(_parameters, { base }) {
      const keys = ['meta', 'wait', 'prioritized', 'delayed', 'marker', 'events', 'paused', 'meta-paused'].map(
        (part) => `${base}:${part}`,
      )
      return { script: 'bullmq-resume', keys, argv: [] }
    },
  },
  async preview(parameters, { targets }) {
    const connection = textParameter(parameters, 'connection')
    return previewWith(`resume the queue of ${connection}`, async () => {
      const target = await targets.bullmq(connection, 'read')
      const { redis, base } = target
      const [pausedByBull, mark, waiting, inPausedList, prioritized] = await Promise.all([
        isPausedByBull(target),
        redis.hexists(`${base}:meta`, 'paused'),
        redis.llen(`${base}:wait`),
        redis.llen(`${base}:paused`),
        redis.zcard(`${base}:prioritized`),
      ])
      const paused = mark === 1
      const before = { queue: base, paused, waiting: waiting + inPausedList + prioritized }
      const refusal = resumeRefusal({ isPausedByBull: pausedByBull, paused, inPausedList })
      return defined({
        rows: [{ before, after: { ...before, paused: false } }],
        count: 1,
        undo: 'pause the queue again',
        warning: refusal === undefined ? undefined : `${refusal}: the action would be refused now`,
      })
    })
  },
}
