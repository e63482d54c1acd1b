import { isRunbookError, messageOf } from '../src/core/errors.ts'
import type { Json, JsonObject } from '../src/core/json.ts'
import type { ActionPreview } from '../src/core/proposal.ts'
import { visibleText } from '../src/core/displayable.ts'
import { ACTIONS } from './actions/action-table.ts'
import { unreadPreview, UnreadPreview, type Action } from './actions/action.ts'
import { writeObstacle } from './actions/write-obstacle.ts'
import { cleaned } from './limit-result.ts'
import type { PreviewContext } from './checks/check.ts'

/**
 * Shows what one action would change, with read credentials; the write credential only reads whether its server takes writes. Never throws:
 * if something could not be read, or the action would be refused now, `warning` says so to the person who decides. The preview is stored
 * and shown, so secrets are removed from it for every kind.
 */
export async function previewAction(
  kind: string,
  parameters: JsonObject,
  context: PreviewContext,
): Promise<ActionPreview> {
  const preview = await previewOf(kind, parameters, context)
  return cleaned(preview as unknown as Json) as unknown as ActionPreview
}

async function previewOf(kind: string, parameters: JsonObject, context: PreviewContext): Promise<ActionPreview> {
  const action = ACTIONS.find((one) => one.kind.name === kind)
  try {
    if (!action)
      throw new Error(
        `the version of the engine that runs now has no action kind ${kind}: update the engine before you approve`,
      )
    const preview = await withObstacle(action, parameters, context)
    const guarantee = await guaranteeOf(action, parameters, context)
    return guarantee === undefined ? preview : { ...preview, guarantee }
  } catch (error) {
    if (error instanceof UnreadPreview) {
      context.onDown?.(error.message)
      return error.preview
    }
    const problem = isRunbookError(error, 'RUNBOOK_CHECK_FAILED')
      ? 'the rows that the action would change could not be read'
      : 'the action would be refused now'
    return unreadPreview(`${kind} ${visibleText(parameters)}`, `${problem}: ${messageOf(error)}`)
  }
}

async function withObstacle(
  { preview, implementation }: Action,
  parameters: JsonObject,
  context: PreviewContext,
): Promise<ActionPreview> {
  const shown = await preview(parameters, context)
  if (shown.unread !== undefined) return shown
  const obstacle = await writeObstacle(implementation, parameters, context.targets, context.obstacles, shown)
  if (obstacle === undefined) return shown
  return { ...shown, warning: shown.warning === undefined ? obstacle : `${shown.warning}; ${obstacle}` }
}

/** How often the action may be applied, as text; undefined if it is applied exactly once. */
async function guaranteeOf(
  { implementation }: Action,
  parameters: JsonObject,
  { targets }: PreviewContext,
): Promise<string | undefined> {
  switch (implementation.protocol) {
    case 'sql': {
      // If the database cannot be reached, the preview already has a warning.
      const target = await targets.postgres(String(parameters['connection']), 'read').catch(() => undefined)
      return target?.ledger === 'none' ? 'at most once, then observed: this database has no ledger' : undefined
    }
    case 'script':
      return 'at most once'
    case 'intent':
      return implementation.prepare(parameters).repeatable
        ? 'at least once, not fenced; repeating it changes nothing'
        : 'at most once, not fenced; if its outcome is unknown, a person settles it'
    default:
      return undefined
  }
}
