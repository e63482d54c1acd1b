import { connectionTo, type Kind } from './kind.ts'

export const httpGet: Kind = {
  name: 'http.get',
  access: 'read',
  summary: 'Asks an HTTP service, and says whether it answers.',
  doc: `No answer is a result, not a failed check: \`reachable: false\`, with \`error\` (refused, no such host, no complete answer in time). \`ok\` means an answer of status 2xx. \`body\` is the JSON value where the answer is JSON, else its text, at most 32 kB; \`truncated\` says that it was cut.

The host is the connection's; the path cannot leave it, and no redirect is followed. A GET should change nothing: this one asks only what the configuration lets it ask.`,
  parameters: {
    connection: connectionTo(['http'], 'The service, by the name of its connection.'),
    path: {
      type: { value: 'string' },
      required: false,
      doc: "Begins with `/`; joined to the connection's address.",
      literal: false,
    },
  },
  result: () => ({
    object: {
      reachable: 'bool',
      ok: 'bool',
      status: { nullable: 'int' },
      latencyMs: 'int',
      body: 'dyn',
      truncated: 'bool',
      error: { nullable: 'string' },
    },
  }),
  partial: { body: 'changes' },
  timeoutMs: 5_000,
  example: `check: http.get
with: { connection: ml-inference, path: /health }
timeout: 3s
`,
}
