import type { Kind } from './kind.ts'

export const notify: Kind = {
  name: 'notify',
  access: 'message',
  summary: 'Sends a message to a channel.',
  doc: `Needs no approval. The message goes to a channel, or to all channels of a group. A channel without an address is not an error: the history records that nobody was notified. A delivery that fails is tried again with longer and longer pauses, or when the channel asks for it (\`Retry-After\`). If the message is not delivered within the action's \`timeout\`, or the channel refuses it, the effect is \`skipped\` and the remedy continues.

Delivery is at least once: after a crash the message may be sent again.`,
  parameters: {
    channel: {
      type: { connection: ['channel'] },
      required: true,
      doc: 'The name of the channel in `channels`.',
      literal: true,
    },
    message: { type: { value: 'string' }, required: true, doc: 'The text of the message.', literal: false },
  },
  result: () => ({ object: { notified: 'string' } }),
  timeoutMs: 30_000,
  example: `action: notify
with: { channel: platform-support, message: "Retrying \${{ size(affects) }} runs" }
`,
}
