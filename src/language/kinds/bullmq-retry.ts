import { connectionTo, type Kind } from './kind.ts'

export const bullmqRetry: Kind = {
  name: 'bullmq.retry',
  access: 'write',
  summary: 'Puts one failed job back into the queue, with its data and its priority.',
  doc: `The effect is \`refused\` if the job is not in \`failed\`, is gone, belongs to a flow or to a group of BullMQ Pro, has child jobs that have not finished, or holds a lock. The failure reason is cleared. The counters of attempts and stalls are kept, so a job that stalls again may fail immediately: verify that the system stays healthy, not only that the job was moved.

A queue that a BullMQ before 6 has paused (or that does not name its version) refuses a retry, because resuming it would lose the job: resume the queue first. A job with a priority is refused if the version is unknown and no prioritized jobs exist, because BullMQ before 4 keeps them elsewhere. If another job was added with the same deduplication id, the gate names it: both can run. The gate shows the reason of each of these refusals beforehand.

One atomic script; applied at most once, then observed.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The name of the connection to the queue.'),
    id: { type: { value: 'string' }, required: true, doc: 'The id of the job.', literal: false },
  },
  result: () => ({ object: { state: 'string' } }),
  timeoutMs: 5_000,
  example: `action: bullmq.retry
with: { connection: maestro-queue, id: "\${{ run.job_id }}" }
`,
}
