import { messageOf } from '../src/core/errors.ts'
import type { JsonObject } from '../src/core/json.ts'
import type { ActionPreview } from '../src/core/proposal.ts'
import { ACTIONS } from './action-table.ts'
import { shown } from './action.ts'
import type { PreviewContext } from './implementation.ts'

/**
 * What one action would do, and to what: read-only, with read credentials. Never throws: what could not be looked at, or would be
 * refused as it stands, is said in `warning`, so that the person at the gate knows.
 */
export async function previewAction(
  kind: string,
  parameters: JsonObject,
  context: PreviewContext,
): Promise<ActionPreview> {
  const action = ACTIONS.find((one) => one.kind.kind === kind)
  try {
    if (!action) throw new Error(`this version knows no action kind ${kind}`)
    return await action.preview(parameters, context)
  } catch (error) {
    return { summary: `${kind} ${shown(parameters)}`, warning: `as it stands it would be refused: ${messageOf(error)}` }
  }
}
