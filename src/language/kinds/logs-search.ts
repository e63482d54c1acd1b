import { connectionTo, type Kind } from './kind.ts'

export const logsSearch: Kind = {
  name: 'logs.search',
  access: 'read',
  summary: 'Searches log files of JSON lines or text, newest first.',
  doc: `A line matches if every field in \`where\` has the value (or one of a list of values) and its text contains at least one of \`contains\`, ignoring case. No matching line is a result too: \`count\` is 0 and \`newest\` is null.

Nested fields are named by their path: \`err.code\`. Levels are compared by name in every spelling: \`level: error\` also matches pino's \`"level":50\`, \`ERROR\` and the field \`severity\`. Lines from Docker, Kubernetes (CRI), journald and pm2 are read without what these programs add. In a text file, a line that starts with a date, time and zone is read with its level and its message; the lines of a stack trace belong to it. Any other line without a time may be newer than the line before it, so it counts as not understood if it may match. \`time\` is in UTC. It is the field \`time\`, \`timestamp\`, \`ts\`, \`@timestamp\` or similar: ISO 8601 with a zone, or a number since 1970. If it has no zone, the time that the container runtime or collector wrote is used, or the \`timeZone\` of the connection. \`fields\` is the rest of the line.

The check reads the last 8 MB of each file and 32 MB in total, starting with the file that was written last. It reads files that gzip compressed. The check fails if no file matches the patterns of the connection.

The result is incomplete, and \`truncated\` is true, if there are more matches than \`limit\`, if older lines were not read, or if one of these is not empty:
- \`unparsed\`: the number of lines that may match but were not understood: broken JSON, a text without a time, a time whose zone is not known or that has not come yet, a number such as 1e999, more than 100 levels of nesting;
- \`unread\`: the number of files and folders that cannot be read, of folders in the patterns that do not exist, of pipes and devices, and of files that were written within \`since\` although their newest line is older (then the clock or the time zone of the program differs); \`problem\` has the reason for the first one;
- \`absentFields\`: fields of \`where\` that no line has, so that a wrong name does not look like "nothing found"; not those that may be null.`,
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
      unparsed: 'int',
      unread: 'int',
      problem: { nullable: 'string' },
      absentFields: { list: 'string' },
      truncated: 'bool',
    },
  }),
  partial: { count: 'grows', newest: 'changes' },
  validate({ limit }) {
    if (typeof limit !== 'number' || (Number.isInteger(limit) && limit >= 1 && limit <= 500)) return []
    return [{ parameter: 'limit', message: 'must be a whole number from 1 to 500' }]
  },
  healthy: {
    result: ({ rows = [] }) => ({ rows, ...(Array.isArray(rows) ? { count: rows.length } : {}) }),
  },
  timeoutMs: 5_000,
  example: `check: logs.search
with: { connection: maestro-logs, where: { type: inference }, contains: [Worker timeout, Connection refused], since: 15m }
`,
}
