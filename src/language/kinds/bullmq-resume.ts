import { connectionTo, type Kind } from './kind.ts'

export const bullmqResume: Kind = {
  name: 'bullmq.resume',
  access: 'write',
  summary: 'Resumes a paused queue.',
  doc: `Refused when the queue is not paused any more: then somebody else resumed it, and the diagnosis is stale.

One atomic script; at most once, then observed. Waiting jobs keep their order and priorities.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The queue, by the name of its connection.'),
  },
  result: () => ({ object: { paused: 'bool', waiting: 'int' } }),
  timeoutMs: 5_000,
  example: `action: bullmq.resume
with: { connection: maestro-queue }
`,
}
