import { scrubSecrets } from '../../src/config/secret.ts'
import { canonical } from '../../src/core/canonical.ts'
import { isRunbookError, messageOf, RunbookError } from '../../src/core/errors.ts'
import type { JsonObject } from '../../src/core/json.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import { visibleText } from '../../src/core/displayable.ts'
import type { ActionResult, RunContext } from '../../src/effects/action-implementation.ts'
import { recordParameter, textParameter } from '../../src/effects/action-parameters.ts'
import { processRun } from '../../src/language/kinds/process-run.ts'
import { renderCommand, runCommand, type CommandResult } from '../../src/targets/run-command.ts'
import type { Targets } from '../../src/targets/targets.ts'
import type { Action } from './action.ts'
import { cleaned } from '../limit-result.ts'

/**
 * How many characters of a command's output are stored. They are the last ones, because errors are usually at the end.
 */
const MAX_OUTPUT_LENGTH = 1_500

export const processRunAction: Action = {
  kind: processRun,
  implementation: {
    protocol: 'intent',
    prepare(parameters) {
      const call = readCall(parameters)
      return { repeatable: parameters['idempotent'] === true, run: (context) => runToEnd(context, call) }
    },
  },
  async preview(parameters, { targets }) {
    const call = readCall(parameters)
    return previewCommand(`run ${visibleText(call.command)} of ${call.connection}`, call, targets, { undo: 'none' })
  },
}

/** A configured command and the values of its placeholders. */
export interface CommandCall {
  connection: string
  command: string
  values: JsonObject
}

function readCall(parameters: JsonObject): CommandCall {
  return {
    connection: textParameter(parameters, 'connection'),
    command: textParameter(parameters, 'command'),
    values: recordParameter(parameters, 'values'),
  }
}

/** The preview of a command, with the argv that would run. An action is refused if its preview did not show the argv. */
export async function previewCommand(
  summary: string,
  { connection, command, values }: CommandCall,
  targets: Targets,
  { undo, details = {} }: { undo: string; details?: JsonObject },
): Promise<ActionPreview> {
  try {
    const argv = renderCommand(await targets.process(connection), command, values)
    return { summary, rows: [{ before: {}, after: { ...details, argv } }], count: 1, undo }
  } catch (error) {
    return { summary, warning: `the action would be refused now: ${messageOf(error)}` }
  }
}

/** Throws RUNBOOK_CONFIG if the configuration changed the command after the approval. Compares the shown texts, which hold no secrets. */
function checkApproved(approved: ActionPreview, { connection, command }: CommandCall, argv: string[]): void {
  const shown = approved.rows?.[0]?.after.argv
  const now = cleaned(argv)
  const name = `${command} of ${connection}`
  if (!Array.isArray(shown))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the preview did not show the command line of ${name}, so nobody approved it`,
    )
  if (canonical(cleaned(shown)) !== canonical(now))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the configured command changed after the approval: ${name} was ${visibleText(shown)} and is ${visibleText(now)}`,
    )
}

/**
 * Runs a configured command if it is the approved one, waits until it ends, and returns its result. Throws RUNBOOK_BAD_INPUT and
 * RUNBOOK_CONFIG before the command starts.
 */
export async function runToEnd(context: RunContext, call: CommandCall): Promise<ActionResult> {
  const { command, values } = call
  const target = await context.targets.process(call.connection)
  const argv = renderCommand(target, command, values)
  checkApproved(context.approved, call, argv)
  let result: CommandResult
  try {
    result = await runCommand(target, command, argv, { timeoutMs: context.timeoutMs, startBy: context.startBy })
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
      detail: `${command} timed out and was stopped after ${took}. What the command did until then is unknown. ${output}`,
    }
  if (result.exitCode === null)
    return { result: 'unknown', detail: `${command} was stopped by ${result.signal} after ${took}. ${output}` }
  const observed = { exitCode: result.exitCode, output }
  if (wasEndedEarly(result.exitCode))
    return {
      result: 'unknown',
      detail: `${command} exited with ${result.exitCode} after ${took}, so a signal or a time limit ended it. What the command did until then is unknown. ${output}`,
      observed,
    }
  if (result.exitCode !== 0)
    return { result: 'refused', detail: `${command} exited with ${result.exitCode} after ${took}: ${output}`, observed }
  return { result: 'applied', detail: `${command} exited with 0 after ${took}`, observed }
}

/**
 * The exit codes of a command that was ended by a time limit or a signal. `timeout` exits with 124; shells and containers exit with 128
 * plus the number of the signal.
 */
function wasEndedEarly(exitCode: number): boolean {
  return exitCode === 124 || (exitCode > 128 && exitCode <= 128 + 64)
}

function endOf({ stdout, stderr }: CommandResult): string {
  return (
    [stdout, stderr]
      // Secrets are removed before the text is cut, because a part of a secret would not be recognised.
      .map((text) => scrubSecrets(text.trim()))
      .filter((text) => text !== '')
      .map((text) => (text.length > MAX_OUTPUT_LENGTH ? `…${text.slice(-MAX_OUTPUT_LENGTH).toWellFormed()}` : text))
      .join('\n')
  )
}
