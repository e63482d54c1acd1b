import { connectionTo, type Kind } from './kind.ts'

export const bullmqQueue: Kind = {
  name: 'bullmq.queue',
  access: 'read',
  summary: 'Looks at a BullMQ queue as a whole: counts, pause, workers, the oldest jobs.',
  doc: `\`workers\` counts the connections that carry BullMQ's worker name for this prefix and queue; a stopped process keeps its connection.

\`stalledChecker\` says whether some worker looks for stalled jobs. Its key lives for one interval at a time: there at the look: true. Absent: null, since it may just be between two looks. With \`watchStalledCheck\` the key is sampled over two stalledIntervals of the connection, and false means that it was absent in every sample; such a check needs a timeout beyond two intervals.

\`oldestWaitingMs\` is the longest time that one of the jobs at the ends of \`wait\` and \`prioritized\` has waited since it was added, or since its last start if it was tried before. \`oldestActiveMs\` is the longest time since a job in \`active\` was started. \`concurrency\` is the global limit, null without one. \`rateLimitTtlMs\` is set while the queue's rate limit is known to be used up: by the global limit \`rateLimitMax\`, or because a worker said so; \`rateLimitCount\` is how many jobs were counted in the present window, for comparing with a limit that only the workers know.

Raw reads only: looking changes nothing, not even a queue that does not exist (\`exists\` is false).`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The queue, by the name of its connection.'),
    watchStalledCheck: {
      type: { value: 'bool' },
      required: false,
      default: false,
      doc: 'Sample the stalled-check key over two intervals.',
      literal: true,
    },
  },
  result: () => ({
    object: {
      exists: 'bool',
      paused: 'bool',
      waiting: 'int',
      prioritized: 'int',
      active: 'int',
      delayed: 'int',
      failed: 'int',
      completed: 'int',
      waitingChildren: 'int',
      workers: 'int',
      workerNames: { list: 'string' },
      stalledChecker: { nullable: 'bool' },
      oldestWaitingMs: { nullable: 'int' },
      oldestWaitingJob: { nullable: 'string' },
      oldestActiveMs: { nullable: 'int' },
      oldestActiveJob: { nullable: 'string' },
      concurrency: { nullable: 'int' },
      rateLimitMax: { nullable: 'int' },
      rateLimitCount: { nullable: 'int' },
      rateLimitTtlMs: { nullable: 'int' },
    },
  }),
  timeoutMs: 5_000,
  example: `check: bullmq.queue
with: { connection: maestro-queue, watchStalledCheck: true }
timeout: 65s
`,
}
