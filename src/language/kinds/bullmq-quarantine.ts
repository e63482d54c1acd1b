import { connectionTo, type Kind } from './kind.ts'

export const bullmqQuarantine: Kind = {
  name: 'bullmq.quarantine',
  access: 'write',
  summary:
    'Stops the processing of one job and keeps the job and its data among the failed jobs and in the dead-letter set.',
  doc: `A job that no worker holds is moved from its list (waiting, prioritized, delayed, or active without a lock) to \`failed\` and to the sorted set \`<prefix>:<queue>:dead-letter\`. Other jobs are not changed.

A job that a worker holds is not taken from the worker: it is marked, and a copy is kept. BullMQ fails a marked job for good if a worker picks it up again, but the worker that holds it may still complete it, or fail it first. So the engine waits, up to the action's \`timeout\`, until the job has ended or no worker holds it. The effect is \`applied\` if the job failed because of the mark, or if no worker holds it any more and the mark is still there (\`state\` is \`marked\`); \`refused\` if the job was completed, or failed for another reason; \`unknown\` if a worker still holds it, or if BullMQ deleted it when it ended: then a person checks and settles it. The time limit of 45 s is longer than BullMQ's lock of 30 s, which a crashed worker leaves behind. Only BullMQ 5.49.2 and later read this mark: with an older version, or if the queue does not name its version, the effect is \`refused\`. It is also \`refused\` if the job is gone, finished, belongs to a flow or to a group of BullMQ Pro, or is the next run of a job scheduler: BullMQ continues a schedule when its next run starts, so the schedule would end. The gate shows the reason beforehand.

One atomic script; applied at most once, then observed. A copy of the job is stored under \`<prefix>:<queue>:dead-letter:<id>\`, which survives \`removeOnFail\`. A job that was marked is not in the sorted set. \`bullmq.retry\` puts the job back. While the failed job is kept, BullMQ ignores a new job with the same id. BullMQ's \`removeOrphanedJobs\` deletes the sorted set, which it takes for a job, but neither the failed job nor the copy.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The name of the connection to the queue.'),
    id: { type: { value: 'string' }, required: true, doc: 'The id of the job.', literal: false },
  },
  result: () => ({ object: { state: 'string', from: 'string' } }),
  timeoutMs: 45_000,
  example: `action: bullmq.quarantine
with: { connection: maestro-queue, id: "\${{ job.id }}" }
`,
}
