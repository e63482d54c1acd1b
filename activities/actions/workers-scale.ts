import { RunbookError } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { textParameter, wholeParameter } from '../../src/effects/action-parameters.ts'
import { workersScale } from '../../src/language/kinds/workers-scale.ts'
import type { Action } from './action.ts'
import { previewCommand, runToEnd, type CommandCall } from './process-run.ts'

export const workersScaleAction: Action = {
  kind: workersScale,
  implementation: {
    protocol: 'intent',
    prepare(parameters) {
      const call = readScale(parameters)
      return {
        // The action sets an absolute number of workers, so running the command again changes nothing.
        repeatable: true,
        async run(context) {
          const done = await runToEnd(context, call)
          return done.observed ? { ...done, observed: { ...call.values, ...done.observed } } : done
        },
      }
    },
  },
  async preview(parameters, { targets }) {
    const call = readScale(parameters)
    const summary = `set the number of workers of ${call.connection} to ${call.values.replicas}`
    return previewCommand(summary, call, targets, { undo: 'scale back to the previous number', details: call.values })
  },
}

/** Throws RUNBOOK_BAD_INPUT for a number below 0 or above the action's `max`. */
function readScale(parameters: JsonObject): CommandCall & { values: { replicas: number } } {
  const replicas = wholeParameter(parameters, 'replicas')
  const max = wholeParameter(parameters, 'max')
  if (replicas < 0 || replicas > max)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `replicas is ${replicas}: it must be from 0 to ${max} ("max")`)
  const command = parameters['command'] === undefined ? 'scale' : textParameter(parameters, 'command')
  return { connection: textParameter(parameters, 'connection'), command, values: { replicas } }
}
