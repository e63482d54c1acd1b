import { connectionTo, type Kind } from './kind.ts'

export const bullmqFailures: Kind = {
  name: 'bullmq.failures',
  access: 'read',
  summary: 'Groups the failed jobs of a BullMQ queue by the reason of the failure.',
  doc: `Before comparison, ids, counts, times, e-mail addresses and addresses of clients in a reason are replaced by \`<id>\`, \`<n>\`, \`<time>\`, \`<email>\` and \`<ip>\`. Hosts with ports, status codes, exit codes and error codes are kept, so that one host that refuses connections is one group. Other words are compared as they are: names that somebody typed (\`Customer 'Anna' has no address\`) separate groups. Of a reason with several lines, the first and the last line count, without source code and stack frames, and between them the items of a list or the cause; of a JSON list of validation errors, each error with its path; of an HTML page, its title. If the reason is empty, the first line of the stack trace is used. The largest group comes first. \`example\` is the newest reason, unchanged; \`names\` are the job names; \`ids\` are up to 50 jobs, newest first; \`newestMs\` and \`oldestMs\` are the times since the newest and the oldest failure; \`attemptsExhausted\` counts the jobs that have no attempts left.

\`total\` is the number of failed jobs (since \`since\`). The check reads the newest \`limit\` of them; \`truncated\` is true if there are more. \`removed\` counts jobs that failed and that BullMQ deleted, as an application requests with \`removeOnFail\`; the queue's events tell of them, as far as they go back. They are not in \`total\`, and \`truncated\` is true. \`unread\` counts jobs whose reason, or stack trace where the reason is empty, has more than 32 kB; it is not read, and \`truncated\` is true.

The check fails if there is no such queue, or if clocks differ by more than 30 s: that of the worker or of the application from that of the Redis server.`,
  parameters: {
    connection: connectionTo(['bullmq'], 'The name of the connection to the queue.'),
    since: {
      type: { duration: true },
      required: false,
      doc: 'Only jobs that failed within this time.',
      literal: false,
    },
    limit: {
      type: { value: 'int' },
      required: false,
      default: 1000,
      doc: 'The maximum number of jobs to read, 1 to 5000.',
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
      removed: 'int',
      unread: 'int',
      truncated: 'bool',
    },
  }),
  partial: { total: 'grows', removed: 'grows' },
  validate({ limit }) {
    if (typeof limit !== 'number' || (Number.isInteger(limit) && limit >= 1 && limit <= 5000)) return []
    return [{ parameter: 'limit', message: 'must be a whole number from 1 to 5000' }]
  },
  healthy: {
    result: ({ rows = [] }) => ({
      rows,
      removed: 0,
      ...(Array.isArray(rows) && rows.length === 0 ? { total: 0 } : {}),
    }),
    row: () => ({ names: [], ids: [], attemptsExhausted: 0 }),
  },
  timeoutMs: 5_000,
  example: `check: bullmq.failures
with: { connection: maestro-queue, since: 1h }
`,
}
