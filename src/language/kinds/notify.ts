import type { Kind } from './kind.ts'

export const notify: Kind = {
  name: 'notify',
  access: 'message',
  summary: 'Sends a message to a channel.',
  doc: `Needs no approval. Posted in the form of a Slack webhook. A channel without an address is no error: it is recorded that nobody was told. What could not be delivered in three tries is \`skipped\`, and the remedy goes on.

At least once: after a crash it may be sent again.`,
  parameters: {
    channel: {
      type: { connection: ['channel'] },
      required: true,
      doc: 'The channel, by its name in `channels`.',
      literal: true,
    },
    message: { type: { value: 'string' }, required: true, doc: 'What to say.', literal: false },
  },
  result: () => ({ object: { told: 'string' } }),
  timeoutMs: 10_000,
  example: `action: notify
with: { channel: platform-support, message: "Retrying \${{ size(affects) }} runs" }
`,
}
