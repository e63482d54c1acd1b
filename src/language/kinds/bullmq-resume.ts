import { connectionTo, type Kind } from './kind.ts'

export const bullmqResume: Kind = {
  name: 'bullmq.resume',
  access: 'write',
  summary: 'Resumes a paused queue.',
  doc: `The effect is \`refused\` if the queue is no longer paused: then somebody else has resumed it, and the diagnosis is out of date. It is also \`refused\` if a BullMQ before 6 holds jobs in its list \`paused\`: resume the queue with that BullMQ. The gate shows the reason beforehand.

One atomic script; applied at most once, then observed. Waiting jobs keep their order and priorities.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The name of the connection to the queue.'),
  },
  result: () => ({ object: { paused: 'bool', waiting: 'int' } }),
  timeoutMs: 5_000,
  example: `action: bullmq.resume
with: { connection: maestro-queue }
`,
}
