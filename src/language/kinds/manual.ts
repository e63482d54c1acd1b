import type { Kind } from './kind.ts'

export const manual: Kind = {
  name: 'manual',
  access: 'person',
  summary: 'A person does it, and says done.',
  doc: `For what no machine may or can do: roll back a release, raise a limit in a console. The incident waits until a person says \`runbook done\`, which makes the effect \`applied\`, or that it was not done, which makes it \`skipped\`; without a word within \`timeout\` (4h unless it says another), the remedy stops. Needs no approval: the person who does it decides.`,
  parameters: {
    instructions: {
      type: { value: 'string' },
      required: true,
      doc: 'What to do, and how to see it is done.',
      literal: false,
    },
    form: {
      type: { record: 'string' },
      required: false,
      doc: 'Name → question: what the person is asked for when saying done.',
      literal: true,
    },
  },
  result: () => ({ object: { person: 'string', form: 'dyn' } }),
  timeoutMs: 14_400_000,
  example: `action: manual
with:
  instructions: Roll the release back to the version before \${{ deploy.version }}
  form: { version: Which version runs now? }
`,
}
