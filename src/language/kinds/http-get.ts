import { connectionTo, type Kind } from './kind.ts'

export const httpGet: Kind = {
  name: 'http.get',
  access: 'read',
  summary: 'Sends a GET request to an HTTP service, and reports whether it answers.',
  doc: `A missing answer is a result, not a failed check: \`reachable\` is false and \`error\` has the reason (refused, unknown host, no answer in time). \`ok\` is true for a complete answer with a status of 2xx. If an answer begins and its body does not arrive completely, \`reachable\` is true and \`ok\` is false. \`body\` is the JSON value if the body is JSON, whatever its content type, or else its text, at most 32 kB. gzip, deflate and br are decoded. \`unparsed\` is 1 if the body says that it is JSON and is not, cannot be decoded, or did not arrive completely; \`truncated\` is true then, or if the body was cut.

The host comes from the connection. The path cannot leave that host, and redirects are not followed. An answer that a cache says is more than 30 s old (the header \`Age\`) fails the check. A GET request should change nothing; use only paths for which that is true.`,
  parameters: {
    connection: connectionTo(['http'], 'The name of the connection to the service.'),
    path: {
      type: { value: 'string' },
      required: false,
      doc: 'Begins with `/`; added to the address of the connection.',
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
      unparsed: 'int',
      truncated: 'bool',
      error: { nullable: 'string' },
    },
  }),
  partial: { body: 'changes' },
  healthy: {
    result: ({ reachable = true, ok: given, status = reachable === true && given !== false ? 200 : null }) => ({
      reachable,
      ok: reachable === true && Number(status) >= 200 && Number(status) < 300,
      status,
      latencyMs: 5,
    }),
  },
  timeoutMs: 5_000,
  example: `check: http.get
with: { connection: ml-inference, path: /health }
timeout: 3s
`,
}
