import { visibleText } from '../../src/core/displayable.ts'
import { defined } from '../../src/core/defined.ts'
import { textParameter } from '../../src/effects/action-parameters.ts'
import { bullmqQuarantine } from '../../src/language/kinds/bullmq-quarantine.ts'
import { previewWith, type Action } from './action.ts'
import { outcomeOfMark, QUARANTINE_REASON } from './marked-job.ts'
import { readJob } from './read-job.ts'
import { quarantineRefusal } from './refusal.ts'

export const bullmqQuarantineAction: Action = {
  kind: bullmqQuarantine,
  implementation: {
    protocol: 'script',
    async call(parameters, { redis, base }) {
      const id = textParameter(parameters, 'id')
      // The deduplication id is read here and not in the script, because a script must declare its keys. A job's
      // deduplication id never changes.
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
          `${base}:paused`,
          `${base}:repeat`,
          `${base}:priority`,
          `${base}:meta-paused`,
        ],
        argv: [id, QUARANTINE_REASON, deduplication],
      }
    },
    async confirm(parameters, target, applied, endsAt) {
      if (applied.observed?.['state'] !== 'marked') return applied
      return outcomeOfMark(target, textParameter(parameters, 'id'), endsAt)
    },
  },
  async preview(parameters, { targets }) {
    const [connection, id] = [textParameter(parameters, 'connection'), textParameter(parameters, 'id')]
    return previewWith(`quarantine job ${visibleText(id)} in ${connection}`, async () => {
      const job = await readJob(await targets.bullmq(connection, 'read'), id)
      const refusal = quarantineRefusal(job)
      const warning = refusal === undefined ? undefined : `${refusal}: the action would be refused now`
      if (job.state === 'absent') return defined({ count: 0, warning })
      const after = job.held
        ? {
            ...job.fields,
            note: 'a worker holds the job and may still complete it; the job fails for good if a worker picks it up again',
          }
        : defined({ ...job.fields, state: 'failed', failedReason: QUARANTINE_REASON, note: noteOnId(id) })
      return defined({
        rows: [{ before: job.fields, after }],
        count: 1,
        undo: 'retry the job: the dead-letter set keeps it with its data',
        warning,
      })
    })
  },
}

/** A warning for a job whose id the application chose, because the application may use the id again. */
function noteOnId(id: string): string | undefined {
  return /^\d+$/.test(id) ? undefined : 'while the failed job is kept, BullMQ ignores a new job with the same id'
}
