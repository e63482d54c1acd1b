import { connectionTo, type Kind } from './kind.ts'

export const bullmqFailures: Kind = {
  name: 'bullmq.failures',
  access: 'read',
  summary: 'Groups the failed jobs of a BullMQ queue by their reason.',
  doc: `Reasons are compared with their ids, counts and times replaced by \`<id>\`, \`<n>\`, \`<time>\`; hosts with their ports and status codes are kept, so that one host that refuses connections is one group. The largest group comes first. \`example\` is the newest reason word for word; \`names\` are the job names; \`ids\` up to 50 jobs, the newest first; \`newestMs\` and \`oldestMs\` say how long ago they failed; \`attemptsExhausted\` counts those with no attempt left.

\`total\` is how many failed (since \`since\`). The newest \`limit\` of them are looked at; \`truncated\` says that there are more.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The queue, by the name of its connection.'),
    since: { type: { duration: true }, required: false, doc: 'Only what failed within this time.', literal: false },
    limit: {
      type: { value: 'int' },
      required: false,
      default: 1000,
      doc: 'Look at so many at most, 1 to 5000.',
      literal: true,
    },
  },
  result: () => ({
    object: {
      total: 'int',
      rows: {
        list: {
          object: {
            reason: 'string',
            example: 'string',
            count: 'int',
            names: { list: 'string' },
            ids: { list: 'string' },
            newestMs: 'int',
            oldestMs: 'int',
            attemptsExhausted: 'int',
          },
        },
      },
      truncated: 'bool',
    },
  }),
  validate({ limit }) {
    if (typeof limit !== 'number' || (Number.isInteger(limit) && limit >= 1 && limit <= 5000)) return []
    return [{ parameter: 'limit', message: 'must be a whole number from 1 to 5000' }]
  },
  timeoutMs: 5_000,
  example: `check: bullmq.failures
with: { connection: maestro-queue, since: 1h }
`,
}
