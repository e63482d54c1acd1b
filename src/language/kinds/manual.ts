import type { Kind } from './kind.ts'

export const manual: Kind = {
  name: 'manual',
  access: 'person',
  summary: 'A person does this step and confirms it.',
  doc: `For steps that cannot be automated, such as rolling back a release or raising a limit in a console. The incident waits until a person runs \`runbook done\`, which makes the effect \`applied\`, or reports that it was not done, which makes it \`skipped\`. Without an answer within \`timeout\` (by default 4h) the remedy stops. Needs no approval: the person who does the step decides.`,
  parameters: {
    instructions: {
      type: { value: 'string' },
      required: true,
      doc: 'What to do, and how to recognize that it is done.',
      literal: false,
    },
    form: {
      type: { record: 'string' },
      required: false,
      doc: 'Name → question. The person answers these when confirming the step.',
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
