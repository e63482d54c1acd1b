import { connectionTo, type Kind } from './kind.ts'

export const bullmqRetry: Kind = {
  name: 'bullmq.retry',
  access: 'write',
  summary: 'Puts one failed job back to work, with its data and its priority.',
  doc: `Refused when the job is not in \`failed\`, is gone, belongs to a flow, or holds a lock. The failure's reason is cleared; the counters of attempts and of stalls are kept, so a job that stalls once more may fail at once: verify that things stay healthy, not that the job was moved.

One atomic script; at most once, then observed.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The queue, by the name of its connection.'),
    id: { type: { value: 'string' }, required: true, doc: "The job's id.", literal: false },
  },
  result: () => ({ object: { state: 'string' } }),
  timeoutMs: 5_000,
  example: `action: bullmq.retry
with: { connection: maestro-queue, id: "\${{ run.job_id }}" }
`,
}
