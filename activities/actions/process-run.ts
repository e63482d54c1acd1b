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

/** What of a command's output is kept: how it ended is at the end. */
const KEPT = 1_500

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

/** A configured command, and the values for its placeholders. */
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

/** With the argv that would run. Where it cannot be shown, nobody approves it: it would be refused. */
export async function previewCommand(
  summary: string,
  { connection, command, values }: CommandCall,
  targets: Targets,
  { undo, beside = {} }: { undo: string; beside?: JsonObject },
): Promise<ActionPreview> {
  try {
    const argv = renderCommand(await targets.process(connection), command, values)
    return { summary, rows: [{ before: {}, after: { ...beside, argv } }], count: 1, undo }
  } catch (error) {
    return { summary, warning: `as it stands it would be refused: ${messageOf(error)}` }
  }
}

/** The configuration may have changed while the gate waited. Compared as it was shown, without secrets. Throws RUNBOOK_CONFIG. */
function checkApproved(approved: ActionPreview, { connection, command }: CommandCall, argv: string[]): void {
  const seen = approved.rows?.[0]?.after.argv
  const now = cleaned(argv)
  const name = `${command} of ${connection}`
  if (!Array.isArray(seen))
    throw new RunbookError('RUNBOOK_CONFIG', `what ${name} runs could not be shown when it was approved`)
  if (canonical(cleaned(seen)) !== canonical(now))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `the configuration's command is not the one that was approved: ${name} was ${visibleText(seen)} and is ${visibleText(now)}`,
    )
}

/**
 * Runs a configured command to its end, if it is the one that was approved, and says what came of it. Throws RUNBOOK_BAD_INPUT and
 * RUNBOOK_CONFIG before it is started.
 */
export async function runToEnd(context: RunContext, call: CommandCall): Promise<ActionResult> {
  const { command, values } = call
  const target = await context.targets.process(call.connection)
  const argv = renderCommand(target, command, values)
  checkApproved(context.approved, call, argv)
  let result: CommandResult
  try {
    result = await runCommand(target, command, argv, { timeoutMs: context.timeoutMs })
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
  return (
    [stdout, stderr]
      // Before it is cut: of half a secret nobody can tell that it is one.
      .map((text) => scrubSecrets(text.trim()))
      .filter((text) => text !== '')
      .map((text) => (text.length > KEPT ? `…${text.slice(-KEPT).toWellFormed()}` : text))
      .join('\n')
  )
}
