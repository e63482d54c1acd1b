import { visibleText } from '../../src/core/displayable.ts'
import { defined } from '../../src/core/defined.ts'
import { textParameter } from '../../src/effects/action-parameters.ts'
import { bullmqRetry } from '../../src/language/kinds/bullmq-retry.ts'
import { previewWith, type Action } from './action.ts'
import { readJob } from './read-job.ts'
import { retryRefusal } from './refusal.ts'

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
          `${base}:paused`,
          `${base}:${id}:dependencies`,
          `${base}:${id}:unsuccessful`,
          `${base}:meta-paused`,
        ],
        argv: [id],
      }
    },
  },
  async preview(parameters, { targets }) {
    const [connection, id] = [textParameter(parameters, 'connection'), textParameter(parameters, 'id')]
    return previewWith(`retry job ${visibleText(id)} in ${connection}`, async () => {
      const job = await readJob(await targets.bullmq(connection, 'read'), id)
      const refusal = retryRefusal(job)
      const warning = refusal === undefined ? undefined : `${refusal}: the action would be refused now`
      if (job.state === 'absent') return defined({ count: 0, warning })
      const note =
        job.duplicate === null
          ? undefined
          : `job ${visibleText(job.duplicate)} was added with the same deduplication id: both can run`
      const state = job.priority > 0 ? 'prioritized' : 'waiting'
      const after = defined({ ...job.fields, state, failedReason: null, note })
      return defined({
        rows: [{ before: job.fields, after }],
        count: 1,
        undo: 'none: once a worker picks the job up, the job runs',
        warning,
      })
    })
  },
}
