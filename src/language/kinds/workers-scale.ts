import { connectionTo, type Kind } from './kind.ts'

export const workersScale: Kind = {
  name: 'workers.scale',
  access: 'write',
  summary: 'Sets the absolute number of workers through a configured command.',
  doc: `The connection's command gets the number in its placeholder \`{replicas:int}\`. Absolute, never a delta: doing it twice is the same as once, so after a crash it is simply done again. More than \`max\` is refused, and so is a command that is no longer the one that was shown at the gate.

Not fenced. The exit code must be 0; verify that the workers are there.`,
  parameters: {
    connection: connectionTo(['process'], 'Where the command runs, by the name of the connection.'),
    command: {
      type: { value: 'string' },
      required: false,
      default: 'scale',
      doc: "The command's name in `commands`; its argv must hold `{replicas:int}`.",
      literal: true,
    },
    replicas: { type: { value: 'int' }, required: true, doc: 'How many workers there shall be.', literal: false },
    max: { type: { value: 'int' }, required: true, doc: 'The most that this action may ask for.', literal: true },
  },
  result: () => ({ object: { replicas: 'int', exitCode: 'int', output: 'string' } }),
  validate(parameters) {
    const { max, replicas } = parameters
    const problems: { parameter: string; message: string }[] = []
    if (typeof max === 'number' && (!Number.isInteger(max) || max < 1))
      problems.push({ parameter: 'max', message: 'must be a whole number of at least 1' })
    if (typeof replicas === 'number' && (!Number.isInteger(replicas) || replicas < 0))
      problems.push({ parameter: 'replicas', message: 'must be a whole number of at least 0' })
    if (typeof max === 'number' && typeof replicas === 'number' && replicas > max)
      problems.push({ parameter: 'replicas', message: `is more than max (${max})` })
    return problems
  },
  timeoutMs: 120_000,
  example: `action: workers.scale
with: { connection: maestro-ctl, replicas: 4, max: 8 }
`,
}
