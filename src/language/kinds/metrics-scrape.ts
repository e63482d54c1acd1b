import { connectionTo, type Kind } from './kind.ts'

export const metricsScrape: Kind = {
  name: 'metrics.scrape',
  access: 'read',
  summary: 'Reads metrics from a Prometheus endpoint.',
  doc: `One row for each sample of the named metrics. Request the parts of a histogram by their own names (\`…_bucket\`, \`…_sum\`, \`…_count\`). \`missing\` lists the names without a sample. \`unparsed\` counts lines of the named metrics that cannot be used, because they are malformed, their value is NaN or infinite, or another line has the same name and labels (with another value, neither is used); \`truncated\` is true then, and for an OpenMetrics text without its last line \`# EOF\`. \`outdated\` counts samples whose own time is more than 5 minutes from now. They are shown; if there is one, every expression that reads the check is undetermined.

If there is no answer, or its status is not 200, \`reachable\` is false and \`truncated\` is true, so that conclusions from missing samples are undetermined. If the answer is a page without any metric, such as a page to sign in, \`truncated\` is true and \`error\` has the reason. An answer that a cache says is more than 30 s old (the header \`Age\`) fails the check.`,
  parameters: {
    connection: connectionTo(['http'], 'The name of the connection to the service.'),
    path: {
      type: { value: 'string' },
      required: false,
      default: '/metrics',
      doc: 'Begins with `/`.',
      literal: true,
    },
    names: { type: { value: { list: 'string' } }, required: true, doc: 'The metrics to keep.', literal: true },
  },
  result: () => ({
    object: {
      reachable: 'bool',
      rows: { list: { object: { name: 'string', labels: 'dyn', value: 'double' } } },
      missing: { list: 'string' },
      unparsed: 'int',
      outdated: 'int',
      truncated: 'bool',
      error: { nullable: 'string' },
    },
  }),
  partial: { missing: 'shrinks' },
  healthy: {
    // A page that cannot be reached has no series, so all wanted names are missing. The scenario says which names these are.
    result: ({ reachable = true }) => (reachable === true ? { reachable, rows: [], missing: [] } : { rows: [] }),
  },
  timeoutMs: 5_000,
  example: `check: metrics.scrape
with: { connection: maestro, names: [maestro_queue_length] }
`,
}
