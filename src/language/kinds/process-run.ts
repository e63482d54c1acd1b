import { connectionTo, type Kind } from './kind.ts'

export const processRun: Kind = {
  name: 'process.run',
  access: 'write',
  summary: 'Runs one of the commands that the configuration lists for a connection.',
  doc: `The runbook names a command; its argv stands in the configuration. Values fill whole placeholders of that argv (\`{name:int}\`, \`{name:word}\`), never parts of it; no shell is involved. What runs is the argv that was shown at the gate: where the configuration gives another one by then, the effect is \`refused\`. The exit code must be 0, else the effect is \`refused\`, with the end of the output.

Not fenced. The intent is recorded before the command starts: if the engine dies before it saw the end, the effect is \`unknown\` and a person settles it. \`idempotent: true\` says that running it again does no harm; then it is run again instead.`,
  parameters: {
    connection: connectionTo(['process'], 'Where it runs, by the name of the connection.'),
    command: { type: { value: 'string' }, required: true, doc: "The command's name in `commands`.", literal: true },
    values: {
      type: { record: 'dyn' },
      required: false,
      doc: 'Placeholder → value. Each placeholder needs one, and nothing else may be given.',
      literal: false,
    },
    idempotent: {
      type: { value: 'bool' },
      required: false,
      default: false,
      doc: 'Running it twice is the same as running it once.',
      literal: true,
    },
  },
  result: () => ({ object: { exitCode: 'int', output: 'string' } }),
  timeoutMs: 120_000,
  example: `action: process.run
with: { connection: maestro-ctl, command: restart, idempotent: true }
`,
}
