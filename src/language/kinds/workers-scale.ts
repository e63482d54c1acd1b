import { connectionTo, type Kind } from './kind.ts'

export const workersScale: Kind = {
  name: 'workers.scale',
  access: 'write',
  summary: 'Sets the number of workers with a configured command.',
  doc: `The command of the connection gets the number in its placeholder \`{replicas:int}\`. The number is absolute, not a difference, so running the command twice has the same effect as once, and after a crash it is run again. The effect is \`refused\` if the number is more than \`max\`, or if the command differs from the one that was shown at the gate.

Commands are not fenced. The exit code must be 0; verify that the workers are running.`,
  parameters: {
    connection: connectionTo(['process'], 'The name of the connection with the command.'),
    command: {
      type: { value: 'string' },
      required: false,
      default: 'scale',
      doc: 'The name of the command in `commands`; its argv must contain `{replicas:int}`.',
      literal: true,
    },
    replicas: { type: { value: 'int' }, required: true, doc: 'The new number of workers.', literal: false },
    max: { type: { value: 'int' }, required: true, doc: 'The maximum number that this action may set.', literal: true },
  },
  result: () => ({ object: { replicas: 'int', exitCode: 'int', output: 'string' } }),
  validate(parameters) {
    const { max, replicas } = parameters
    const problems: { parameter: string; message: string }[] = []
    if (typeof max === 'number' && (!Number.isInteger(max) || max < 1))
      problems.push({ parameter: 'max', message: 'must be a whole number, at least 1' })
    if (typeof replicas === 'number' && (!Number.isInteger(replicas) || replicas < 0))
      problems.push({ parameter: 'replicas', message: 'must be a whole number, at least 0' })
    if (typeof max === 'number' && typeof replicas === 'number' && replicas > max)
      problems.push({ parameter: 'replicas', message: `is more than max (${max})` })
    return problems
  },
  timeoutMs: 120_000,
  example: `action: workers.scale
with: { connection: maestro-ctl, replicas: 4, max: 8 }
`,
}
