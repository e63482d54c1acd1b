import { visibleText } from '../../src/core/displayable.ts'
import { textParameter } from '../../src/effects/action-parameters.ts'
import { bullmqRetry } from '../../src/language/kinds/bullmq-retry.ts'
import { previewWith, type Action } from './action.ts'
import { readJob } from './read-job.ts'

export const bullmqRetryAction: Action = {
  kind: bullmqRetry,
  implementation: {
    protocol: 'script',
    async call(parameters, { base }) {
      const id = textParameter(parameters, 'id')
      const parts = ['failed', 'active', 'wait', 'prioritized', 'meta', 'marker', 'events', 'pc', 'dead-letter']
      return {
        script: 'bullmq-retry',
        keys: [
          `${base}:${id}`,
          `${base}:${id}:lock`,
          ...parts.map((part) => `${base}:${part}`),
          `${base}:dead-letter:${id}`,
        ],
        argv: [id],
      }
    },
  },
  async preview(parameters, { targets }) {
    const [connection, id] = [textParameter(parameters, 'connection'), textParameter(parameters, 'id')]
    return previewWith(`retry job ${visibleText(id)} in ${connection}`, async () => {
      const { state, held, fields } = await readJob(await targets.bullmq(connection, 'read'), id)
      if (state === 'absent') return { count: 0, warning: 'the job is gone: it would be refused now' }
      const canRetry = state === 'failed' && !held
      return {
        rows: [{ before: fields, after: { ...fields, state: 'waiting', failedReason: null } }],
        count: 1,
        undo: 'none: once a worker picks the job up, its step runs',
        ...(canRetry ? {} : { warning: `the job is ${held ? 'held by a worker' : state}: it would be refused now` }),
      }
    })
  },
}
