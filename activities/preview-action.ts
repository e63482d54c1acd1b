import { messageOf } from '../src/core/errors.ts'
import type { Json, JsonObject } from '../src/core/json.ts'
import type { ActionPreview } from '../src/core/proposal.ts'
import { visibleText } from '../src/core/displayable.ts'
import { ACTIONS } from './actions/action-table.ts'
import type { Action } from './actions/action.ts'
import { cleaned } from './limit-result.ts'
import type { PreviewContext } from './checks/check.ts'

/**
 * What one action would do, and to what: read-only, with read credentials. Never throws: what could not be looked at, or would be
 * refused as it stands, is said in `warning`, so that the person at the gate knows. It is stored and shown, and so holds no secret,
 * whichever kind of action made it and whatever its system answered.
 */
export async function previewAction(
  kind: string,
  parameters: JsonObject,
  context: PreviewContext,
): Promise<ActionPreview> {
  const preview = await lookAhead(kind, parameters, context)
  return cleaned(preview as unknown as Json) as unknown as ActionPreview
}

async function lookAhead(kind: string, parameters: JsonObject, context: PreviewContext): Promise<ActionPreview> {
  const action = ACTIONS.find((one) => one.kind.name === kind)
  try {
    if (!action) throw new Error(`this version has no action kind ${kind}`)
    const preview = await action.preview(parameters, context)
    const guarantee = await guaranteeOf(action, parameters, context)
    return guarantee === undefined ? preview : { ...preview, guarantee }
  } catch (error) {
    return {
      summary: `${kind} ${visibleText(parameters)}`,
      warning: `as it stands it would be refused: ${messageOf(error)}`,
    }
  }
}

/** Said where the promise is less than exactly once, so that the person at the gate knows that too. */
async function guaranteeOf(
  { implementation }: Action,
  parameters: JsonObject,
  { targets }: PreviewContext,
): Promise<string | undefined> {
  switch (implementation.protocol) {
    case 'sql': {
      // Where it does not answer, the preview says so.
      const target = await targets.postgres(String(parameters['connection']), 'read').catch(() => undefined)
      return target?.ledger === 'none' ? 'at most once, then looked at: this database keeps no ledger' : undefined
    }
    case 'script':
      return 'at most once'
    case 'intent':
      return implementation.prepare(parameters).repeatable
        ? 'once or more, which is the same here; not fenced'
        : 'at most once, not fenced: a person settles it, should nobody see its end'
    default:
      return undefined
  }
}
