import { RunbookError } from '../src/core/errors.ts'
import type { JsonObject } from '../src/core/json.ts'
import { textParameter, wholeParameter } from '../src/effects/parameters.ts'
import { workersScale } from '../src/language/kinds/workers-scale.ts'
import { renderCommand } from '../src/targets/run-command.ts'
import { withLook, type Action } from './action.ts'
import { runToEnd } from './process-run.ts'

export const workersScaleAction: Action = {
  kind: workersScale,
  implementation: {
    protocol: 'intent',
    prepare(parameters) {
      const { connection, command, replicas } = readScale(parameters)
      return {
        // An absolute number: doing it again is the same as once.
        repeatable: true,
        async run(context) {
          const done = await runToEnd(context, connection, command, { replicas })
          return done.observed ? { ...done, observed: { replicas, ...done.observed } } : done
        },
      }
    },
  },
  async preview(parameters, { targets }) {
    const { connection, command, replicas } = readScale(parameters)
    return withLook(`set the number of workers of ${connection} to ${replicas}`, async () => {
      const argv = renderCommand(await targets.process(connection), command, { replicas })
      return { rows: [{ before: {}, after: { replicas, argv } }], count: 1, undo: 'scale to the former number' }
    })
  },
}

/** Throws RUNBOOK_BAD_INPUT for a number below 0 or above the action's own `max`. */
function readScale(parameters: JsonObject): { connection: string; command: string; replicas: number } {
  const replicas = wholeParameter(parameters, 'replicas')
  const max = wholeParameter(parameters, 'max')
  if (replicas < 0 || replicas > max)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `replicas is ${replicas}, and must be from 0 to ${max} (max)`)
  const command = parameters['command'] === undefined ? 'scale' : textParameter(parameters, 'command')
  return { connection: textParameter(parameters, 'connection'), command, replicas }
}
