import { connectionTo, type Kind } from './kind.ts'

const JOB_STATES = ['waiting', 'prioritized', 'delayed', 'active', 'waiting-children', 'failed', 'completed']

export const bullmqJobs: Kind = {
  name: 'bullmq.jobs',
  access: 'read',
  summary: 'Looks at jobs of a BullMQ queue, by their ids or by their states.',
  doc: `Each id that was asked for has a row: \`state: 'absent'\` when the queue knows nothing of it, \`'unknown'\` when its data is there but no list has it; nulls among the ids are left out. When asked by states, the oldest come first, of \`failed\` and \`completed\` the newest.

\`lock\` is \`held\` or \`missing\` for active jobs and \`none\` for others. Active with a missing lock: stalled. Active with the lock held and a large \`activeMs\`: hung code, which BullMQ never recovers. \`attemptsStarted\` rising without \`attemptsMade\`: it ends its worker again and again; \`stalls\` alone does not tell it from its neighbours.

A job without data (\`name\` is null) is an id in a list whose hash is gone: evicted or removed by hand. \`waitingMs\` counts since it was added, or since its last start.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The queue, by the name of its connection.'),
    ids: {
      type: { value: { list: { nullable: 'string' } } },
      required: false,
      doc: 'Job ids, at most 500.',
      literal: false,
    },
    states: {
      type: { value: { list: 'string' } },
      required: false,
      doc: `Of: ${JOB_STATES.join(', ')}.`,
      literal: true,
    },
    limit: {
      type: { value: 'int' },
      required: false,
      default: 100,
      doc: 'With `states`: at most so many jobs, 1 to 500.',
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
          },
        },
      },
      truncated: 'bool',
    },
  }),
  validate({ ids, states, limit }) {
    const problems: { parameter: string; message: string }[] = []
    if ((ids === undefined) === (states === undefined))
      problems.push({ parameter: 'ids', message: 'or "states" must be given, and not both' })
    if (Array.isArray(states))
      for (const state of states)
        if (!JOB_STATES.includes(String(state)))
          problems.push({ parameter: 'states', message: `has "${state}", which is none of ${JOB_STATES.join(', ')}` })
    if (typeof limit === 'number' && !(Number.isInteger(limit) && limit >= 1 && limit <= 500))
      problems.push({ parameter: 'limit', message: 'must be a whole number from 1 to 500' })
    return problems
  },
  timeoutMs: 5_000,
  example: `check: bullmq.jobs
with: { connection: maestro-queue, states: [active, waiting], limit: 200 }
`,
}
