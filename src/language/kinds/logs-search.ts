import { connectionTo, type Kind } from './kind.ts'

export const logsSearch: Kind = {
  name: 'logs.search',
  access: 'read',
  summary: 'Searches JSON-lines log files, newest first.',
  doc: `A line matches if every field in \`where\` has the value (or one of a list of values) and its text contains at least one of \`contains\`, ignoring case. No matching line is a result too: \`count\` is 0 and \`newest\` is null.

The check reads the last 8 MB of each file and 32 MB in total, starting with the file that was written last. It skips lines that are not JSON objects. \`count\` is the number of matches in what was read. \`truncated\` is true if there are more matches than \`limit\`, or if older lines were not read. The check fails if no file matches the patterns of the connection.

\`time\` is the field \`time\`, \`timestamp\`, \`ts\` or \`@timestamp\`, in UTC; lines without it are skipped. \`fields\` is the rest of the line.`,
  parameters: {
    connection: connectionTo(['logs'], 'The name of the connection to the files.'),
    where: {
      type: { record: 'dyn' },
      required: false,
      doc: 'Field → value, or a list of values. An empty list matches nothing.',
      literal: false,
    },
    contains: {
      type: { value: { list: 'string' } },
      required: false,
      doc: 'A line must contain at least one of these strings.',
      literal: false,
    },
    since: { type: { duration: true }, required: false, doc: 'Only lines within this time.', literal: false },
    limit: {
      type: { value: 'int' },
      required: false,
      default: 50,
      doc: 'The maximum number of rows, 1 to 500.',
      literal: true,
    },
  },
  result: () => ({
    object: {
      count: 'int',
      newest: { nullable: 'string' },
      rows: {
        list: {
          object: {
            time: 'string',
            level: { nullable: 'string' },
            message: { nullable: 'string' },
            fields: 'dyn',
          },
        },
      },
      truncated: 'bool',
    },
  }),
  partial: { count: 'grows', newest: 'changes' },
  validate({ limit }) {
    if (typeof limit !== 'number' || (Number.isInteger(limit) && limit >= 1 && limit <= 500)) return []
    return [{ parameter: 'limit', message: 'must be a whole number from 1 to 500' }]
  },
  timeoutMs: 5_000,
  example: `check: logs.search
with: { connection: maestro-logs, where: { type: inference }, contains: [Worker timeout, Connection refused], since: 15m }
`,
}
