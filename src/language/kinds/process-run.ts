import { connectionTo, type Kind } from './kind.ts'

export const processRun: Kind = {
  name: 'process.run',
  access: 'write',
  summary: 'Runs one of the commands that the configuration lists for a connection.',
  doc: `The runbook names a command; the configuration has its argv. Values fill the placeholders of that argv (\`{name:int}\`, \`{name:word}\`), which are an argument or a part of one (\`worker={replicas:int}\`); no shell is used. The engine runs the argv that was shown at the gate: if the configuration has changed it since, the effect is \`refused\`. If the exit code is not 0, the effect is \`refused\`, with the end of the output. It is \`unknown\` if a signal or a time limit ended the command, also when the exit code says so (124, 129 to 192).

Commands are not fenced. The intent is recorded before the command starts. If the engine dies before the command ends, the effect is \`unknown\` and a person must settle it. With \`idempotent: true\`, which means that a second run does no harm, the command is run again instead.`,
  parameters: {
    connection: connectionTo(['process'], 'The name of the connection with the command.'),
    command: {
      type: { value: 'string' },
      required: true,
      doc: 'The name of the command in `commands`.',
      literal: true,
    },
    values: {
      type: { record: 'dyn' },
      required: false,
      doc: 'Placeholder → value. Each placeholder needs a value; other names are not allowed.',
      literal: false,
    },
    idempotent: {
      type: { value: 'bool' },
      required: false,
      default: false,
      doc: 'Running the command twice has the same effect as running it once.',
      literal: true,
    },
  },
  result: () => ({ object: { exitCode: 'int', output: 'string' } }),
  timeoutMs: 120_000,
  example: `action: process.run
with: { connection: maestro-ctl, command: restart, idempotent: true }
`,
}
