import { isRunbookError } from '../src/core/errors.ts'
import type { JsonObject } from '../src/core/json.ts'
import type { Done, RunContext } from '../src/effects/implementation.ts'
import { recordParameter, textParameter } from '../src/effects/parameters.ts'
import { processRun } from '../src/language/kinds/process-run.ts'
import { renderCommand, runCommand, type CommandResult } from '../src/targets/run-command.ts'
import { shown, withLook, type Action } from './action.ts'

/** What of a command's output is kept: how it ended is at the end. */
const KEPT = 1_500

export const processRunAction: Action = {
  kind: processRun,
  implementation: {
    protocol: 'intent',
    prepare(parameters) {
      const [connection, command] = [textParameter(parameters, 'connection'), textParameter(parameters, 'command')]
      const values = valuesOf(parameters)
      return {
        repeatable: parameters['idempotent'] === true,
        run: (context) => runToEnd(context, connection, command, values),
      }
    },
  },
  async preview(parameters, { targets }) {
    const [connection, command] = [textParameter(parameters, 'connection'), textParameter(parameters, 'command')]
    return withLook(`run ${shown(command)} of ${connection}`, async () => {
      const argv = renderCommand(await targets.process(connection), command, valuesOf(parameters))
      return { rows: [{ before: {}, after: { argv } }], count: 1, undo: 'none' }
    })
  },
}

function valuesOf(parameters: JsonObject): JsonObject {
  return recordParameter(parameters, 'values')
}

/** Runs a configured command to its end, and says what came of it. Throws RUNBOOK_BAD_INPUT and RUNBOOK_CONFIG before it is started. */
export async function runToEnd(
  context: Pick<RunContext, 'targets' | 'timeoutMs'>,
  connection: string,
  command: string,
  values: JsonObject,
): Promise<Done> {
  const target = await context.targets.process(connection)
  let result: CommandResult
  try {
    result = await runCommand(target, command, values, { timeoutMs: context.timeoutMs })
  } catch (error) {
    // The command was never started.
    if (isRunbookError(error, 'RUNBOOK_UNREACHABLE')) return { result: 'refused', detail: error.message }
    throw error
  }
  const output = endOf(result)
  const took = `${(result.durationMs / 1000).toFixed(1)} s`
  if (result.timedOut)
    return {
      result: 'unknown',
      detail: `${command} was ended after ${took}: what it had done by then is not known. ${output}`,
    }
  if (result.exitCode === null)
    return { result: 'unknown', detail: `${command} was ended by ${result.signal} after ${took}. ${output}` }
  const observed = { exitCode: result.exitCode, output }
  if (result.exitCode !== 0)
    return { result: 'refused', detail: `${command} exited with ${result.exitCode} after ${took}: ${output}`, observed }
  return { result: 'applied', detail: `${command} exited with 0 after ${took}`, observed }
}

function endOf({ stdout, stderr }: CommandResult): string {
  return [stdout, stderr]
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map((text) => (text.length > KEPT ? `…${text.slice(-KEPT)}` : text))
    .join('\n')
}
