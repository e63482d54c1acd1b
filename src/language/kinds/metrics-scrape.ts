import { connectionTo, type Kind } from './kind.ts'

export const metricsScrape: Kind = {
  name: 'metrics.scrape',
  access: 'read',
  summary: 'Reads metrics from a Prometheus endpoint.',
  doc: `One row for each sample of the named metrics; a histogram's parts are asked for by their own names (\`…_bucket\`, \`…_sum\`, \`…_count\`). Values that are no number (NaN, Inf) are left out. \`missing\` lists the names that have no sample.

Where nothing answers, or not with status 200, \`reachable\` is false and \`truncated\` true: conclusions from what is not there stay undetermined.`,
  parameters: {
    connection: connectionTo(['http'], 'The service, by the name of its connection.'),
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
      truncated: 'bool',
      error: { nullable: 'string' },
    },
  }),
  partial: { missing: 'shrinks' },
  timeoutMs: 5_000,
  example: `check: metrics.scrape
with: { connection: maestro, names: [maestro_queue_length] }
`,
}
