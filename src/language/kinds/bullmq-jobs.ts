import { connectionTo, type Kind } from './kind.ts'

const JOB_STATES = ['waiting', 'prioritized', 'delayed', 'active', 'waiting-children', 'failed', 'completed']
/** The states of which a queue keeps the time at which the job finished. */
const FINISHED = ['failed', 'completed']

export const bullmqJobs: Kind = {
  name: 'bullmq.jobs',
  access: 'read',
  summary: 'Reads jobs of a BullMQ queue, by their ids or by their states.',
  doc: `Each requested id has a row: \`state\` is \`'absent'\` if the queue does not have the job, and \`'unknown'\` if its data exists but no list contains it. It is \`'unsearched'\` if the job was not found and a list has more than a million entries, which is as far as the check searches; then \`truncated\` is true. Nulls among the ids are ignored. With \`states\`, the oldest jobs come first; for \`failed\` and \`completed\`, the newest.

\`lock\` is \`held\` or \`missing\` for active jobs and \`none\` for others. An active job with a missing lock is stalled. An active job with a held lock and a large \`activeMs\` has hung code, which BullMQ never recovers. If \`attemptsStarted\` rises and \`attemptsMade\` does not, the job crashes its worker repeatedly; \`stalls\` alone does not distinguish such a job from its neighbours. BullMQ before 5 counts an attempt when it starts, so there both numbers are the same. A job in a group of BullMQ Pro is \`'unknown'\`.

A job without data (\`name\` is null) is an id in a list without a job hash: the hash was evicted or deleted. \`waitingMs\` counts from when the job became ready: when it was added, its delay ended, it was retried, it was returned by a worker, or its children finished. The check reads such times from the queue's events. \`waitingMs\` is null if the events no longer contain the job; \`waitingMs\` and \`activeMs\` are null if the time is more than 5 s in the future. \`truncated\` is true then, because nobody knows how long such a job has waited or run.

\`stranded\` is true for a waiting job in the list \`paused\` of a BullMQ before 6 while the queue is not paused: no worker takes it. \`notRead\` names fields of more than 256 kB, or beyond 4 MB for all jobs together: they have no value, and \`truncated\` is true.

With \`states\`, the check fails if there is no such queue. It fails if clocks differ by more than 30 s: that of the worker or of the application from that of the Redis server.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The name of the connection to the queue.'),
    ids: {
      type: { value: { list: { nullable: 'string' } } },
      required: false,
      doc: 'Job ids, at most 500.',
      literal: false,
    },
    states: {
      type: { value: { list: 'string' } },
      required: false,
      doc: `The states to read: ${JOB_STATES.join(', ')}.`,
      literal: true,
    },
    since: {
      type: { duration: true },
      required: false,
      doc: 'With the states `failed` and `completed` only: jobs that finished within this time.',
      literal: false,
    },
    limit: {
      type: { value: 'int' },
      required: false,
      default: 100,
      doc: 'With `states`: the maximum number of jobs, 1 to 500.',
      literal: true,
    },
  },
  result: () => ({
    object: {
      rows: {
        list: {
          object: {
            id: 'string',
            state: 'string',
            lock: 'string',
            name: { nullable: 'string' },
            data: 'dyn',
            attemptsMade: 'int',
            attemptsStarted: 'int',
            stalls: 'int',
            maxAttempts: 'int',
            priority: 'int',
            timestamp: { nullable: 'int' },
            processedOn: { nullable: 'int' },
            finishedOn: { nullable: 'int' },
            waitingMs: { nullable: 'int' },
            activeMs: { nullable: 'int' },
            worker: { nullable: 'string' },
            failedReason: { nullable: 'string' },
            stranded: 'bool',
            notRead: { list: 'string' },
          },
        },
      },
      truncated: 'bool',
    },
  }),
  validate({ ids, states, since, limit }) {
    const problems: { parameter: string; message: string }[] = []
    if ((ids === undefined) === (states === undefined))
      problems.push({ parameter: 'ids', message: 'or "states" is required, but not both' })
    if (Array.isArray(states))
      for (const state of states)
        if (!JOB_STATES.includes(String(state)))
          problems.push({
            parameter: 'states',
            message: `has "${state}", which is not one of ${JOB_STATES.join(', ')}`,
          })
    if (since !== undefined && !(Array.isArray(states) && states.every((state) => FINISHED.includes(String(state)))))
      problems.push({ parameter: 'since', message: `can only be used with the states ${FINISHED.join(' and ')}` })
    if (typeof limit === 'number' && !(Number.isInteger(limit) && limit >= 1 && limit <= 500))
      problems.push({ parameter: 'limit', message: 'must be a whole number from 1 to 500' })
    return problems
  },
  healthy: {
    result: () => ({ rows: [] }),
    row: ({ state = 'waiting' }) => ({
      state,
      lock: state === 'active' ? 'held' : 'none',
      attemptsMade: 0,
      attemptsStarted: state === 'active' ? 1 : 0,
      stalls: 0,
      maxAttempts: 1,
      priority: 0,
    }),
  },
  timeoutMs: 5_000,
  example: `check: bullmq.jobs
with: { connection: maestro-queue, states: [active, waiting], limit: 200 }
`,
}
