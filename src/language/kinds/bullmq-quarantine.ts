import { connectionTo, type Kind } from './kind.ts'

export const bullmqQuarantine: Kind = {
  name: 'bullmq.quarantine',
  access: 'write',
  summary:
    'Takes one job out of work and keeps it, its data included, among the failed jobs and in the dead-letter set.',
  doc: `A job that no worker holds is moved from wherever it is (waiting, prioritized, delayed, or active without a lock) to \`failed\` and to the sorted set \`<prefix>:<queue>:dead-letter\`. Its neighbours are not touched.

A job that a worker holds is not torn away: it is marked to fail for good when it is next picked up (\`state\` is \`marked\`). Refused when the job is gone, finished, or belongs to a flow.

One atomic script; at most once, then observed. A copy of it stands under \`<prefix>:<queue>:dead-letter:<id>\`, which outlives \`removeOnFail\`. \`bullmq.retry\` puts the job back.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The queue, by the name of its connection.'),
    id: { type: { value: 'string' }, required: true, doc: "The job's id.", literal: false },
  },
  result: () => ({ object: { state: 'string', from: 'string' } }),
  timeoutMs: 5_000,
  example: `action: bullmq.quarantine
with: { connection: maestro-queue, id: "\${{ job.id }}" }
`,
}
