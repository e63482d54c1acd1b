import { connectionTo, type Kind } from './kind.ts'

const MAX_NAMES = 100

const namesOf = (workers: number) => Array.from({ length: workers }, (_, i) => `worker-${i + 1}`)

export const bullmqQueue: Kind = {
  name: 'bullmq.queue',
  access: 'read',
  summary: 'Reads the state of a BullMQ queue: counts, pause, workers, the oldest jobs.',
  doc: `\`workers\` counts the connections with BullMQ's worker name for this prefix and queue. A suspended process keeps its connection. \`workersUnknown\` is true if there can be more: the server is a replica or does not list its clients, or a connection without a name waits as a worker does (workers in Python).

\`stalledChecker\` is whether a worker checks for stalled jobs. It is true if the key of that check exists. The key expires after one interval, so a missing key gives null: the next check may just be due. With \`watchStalledCheck\`, the key is sampled over two stalledIntervals of the connection, and false means that it was absent in every sample. Such a check needs a timeout of more than two intervals.

\`oldestWaitingMs\` is the longest waiting time, counted from when a job became ready: when it was added, its delay ended, it was retried, it was returned by a worker, or its children finished. The check reads such times from the queue's events. It compares the jobs at the ends of \`wait\` and the first job of each priority. \`oldestActiveMs\` is the longest time since the start of an active job.

\`truncated\` is true if \`workersUnknown\` is true, if the time of a compared job is unknown or more than 5 s in the future (the clocks differ), or if another job could be older. The number of workers and the oldest jobs are then incomplete.

\`strandedJobs\` counts waiting jobs in the list \`paused\` of a BullMQ before 6 while the queue is not paused: no worker takes them. \`overdue\` counts delayed jobs whose time has come and that no worker has moved yet, \`oldestOverdueMs\` is how long the first of them is overdue.

\`concurrency\` is the global limit, null without one. \`rateLimitTtlMs\` is set while the rate limit of the queue is used up: the global limit \`rateLimitMax\`, or a limit that a worker has set. \`rateLimitCount\` is the number of jobs in the current window, to compare with a limit that only the workers know.

The check uses raw reads only: it changes nothing, and does not create a queue that does not exist (\`exists\` is false). It fails if clocks differ by more than 30 s (that of the worker or of the application from that of the Redis server), for a queue with groups of BullMQ Pro, whose jobs it cannot read, and for a queue that Bull paused.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The name of the connection to the queue.'),
    watchStalledCheck: {
      type: { value: 'bool' },
      required: false,
      default: false,
      doc: 'Sample the key of the stalled check over two intervals.',
      literal: true,
    },
  },
  result: () => ({
    object: {
      exists: 'bool',
      paused: 'bool',
      waiting: 'int',
      strandedJobs: 'int',
      prioritized: 'int',
      active: 'int',
      delayed: 'int',
      overdue: 'int',
      oldestOverdueMs: { nullable: 'int' },
      failed: 'int',
      completed: 'int',
      waitingChildren: 'int',
      workers: 'int',
      workerNames: { list: 'string' },
      workersUnknown: 'bool',
      stalledChecker: { nullable: 'bool' },
      oldestWaitingMs: { nullable: 'int' },
      oldestWaitingJob: { nullable: 'string' },
      oldestActiveMs: { nullable: 'int' },
      oldestActiveJob: { nullable: 'string' },
      concurrency: { nullable: 'int' },
      rateLimitMax: { nullable: 'int' },
      rateLimitCount: { nullable: 'int' },
      rateLimitTtlMs: { nullable: 'int' },
      truncated: 'bool',
    },
  }),
  partial: {
    workers: 'grows',
    workerNames: 'grows',
    oldestWaitingMs: 'changes',
    oldestWaitingJob: 'changes',
    oldestActiveMs: 'changes',
    oldestActiveJob: 'changes',
  },
  healthy: {
    result: (given) => {
      const { exists = true, workerNames } = given
      const workers = given['workers'] ?? (Array.isArray(workerNames) ? workerNames.length : exists === true ? 1 : 0)
      return {
        exists,
        paused: false,
        waiting: 0,
        prioritized: 0,
        active: 0,
        delayed: 0,
        failed: 0,
        completed: 0,
        waitingChildren: 0,
        workers,
        ...(Number(workers) <= MAX_NAMES ? { workerNames: namesOf(Number(workers)) } : {}),
      }
    },
  },
  timeoutMs: 5_000,
  example: `check: bullmq.queue
with: { connection: maestro-queue, watchStalledCheck: true }
timeout: 65s
`,
}
