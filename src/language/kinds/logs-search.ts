import { connectionTo, type Kind } from './kind.ts'

export const logsSearch: Kind = {
  name: 'logs.search',
  access: 'read',
  summary: 'Searches JSON-lines log files, newest first.',
  doc: `A line matches when every field in \`where\` has the value (or one of the list of values) and its text holds at least one of \`contains\`, in any case of letters. No line at all is a result: \`count: 0\`, \`newest: null\`.

Of each file the last 8 MB are read, 32 MB in all, the files written last first; lines that are no JSON object are passed over. \`count\` is every match in what was read. \`truncated\` says that there are more matches than \`limit\`, or that older lines were not read. Fails when no file fits the connection's patterns.

\`time\` is \`time\`, \`timestamp\`, \`ts\` or \`@timestamp\` as UTC; lines without it are skipped. \`fields\` is the rest of the line.`,
  parameters: {
    connection: connectionTo(['logs'], 'The files, by the name of their connection.'),
    where: {
      type: { record: 'dyn' },
      required: false,
      doc: 'Field → value, or a list of values. An empty list matches nothing.',
      literal: false,
    },
    contains: {
      type: { value: { list: 'string' } },
      required: false,
      doc: 'Texts of which a line must hold one.',
      literal: false,
    },
    since: { type: { duration: true }, required: false, doc: 'Only lines of this time back.', literal: false },
    limit: {
      type: { value: 'int' },
      required: false,
      default: 50,
      doc: 'At most so many rows, 1 to 500.',
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
