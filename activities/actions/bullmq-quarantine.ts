import { visibleText } from '../../src/core/displayable.ts'
import { textParameter } from '../../src/effects/action-parameters.ts'
import { bullmqQuarantine } from '../../src/language/kinds/bullmq-quarantine.ts'
import { previewWith, type Action } from './action.ts'
import { readJob } from './read-job.ts'

const REASON = 'quarantined by a runbook'

export const bullmqQuarantineAction: Action = {
  kind: bullmqQuarantine,
  implementation: {
    protocol: 'script',
    async call(parameters, { redis, base }) {
      const id = textParameter(parameters, 'id')
      // Read here because a script must declare its keys. A job's deduplication id never changes.
      const deduplication = (await redis.hget(`${base}:${id}`, 'deid')) ?? ''
      const work = ['wait', 'prioritized', 'delayed', 'active', 'failed', 'completed', 'dead-letter']
      return {
        script: 'bullmq-quarantine',
        keys: [
          `${base}:${id}`,
          `${base}:${id}:lock`,
          ...work.map((part) => `${base}:${part}`),
          `${base}:dead-letter:${id}`,
          ...['stalled', 'meta', 'marker', 'events'].map((part) => `${base}:${part}`),
          `${base}:de:${deduplication}`,
        ],
        argv: [id, REASON, deduplication],
      }
    },
  },
  async preview(parameters, { targets }) {
    const [connection, id] = [textParameter(parameters, 'connection'), textParameter(parameters, 'id')]
    return previewWith(`quarantine job ${visibleText(id)} in ${connection}`, async () => {
      const { state, held, fields } = await readJob(await targets.bullmq(connection, 'read'), id)
      if (state === 'absent') return { count: 0, warning: 'the job is gone: it would be refused now' }
      const finished = ['completed', 'failed', 'other'].includes(state)
      const after = held
        ? { ...fields, note: 'fails permanently when a worker picks it up next' }
        : { ...fields, state: 'failed', failedReason: REASON }
      return {
        rows: [{ before: fields, after }],
        count: 1,
        undo: 'retry the job: the dead-letter set keeps it with its data',
        ...(finished ? { warning: `the job is ${state}: it would be refused now` } : {}),
      }
    })
  },
}
