import { messageOf } from '../../src/core/errors.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { ActionImplementation } from '../../src/effects/action-implementation.ts'
import type { Kind } from '../../src/language/kinds/kind.ts'
import type { PreviewImplementation } from '../checks/check.ts'

/** An action kind as a whole: what it is, what it would do, and how it is applied. */
export interface Action {
  kind: Kind
  preview: PreviewImplementation
  implementation: ActionImplementation
}

/** A preview whose summary is certain, and whose look at the target may fail: then it says why, and the person decides knowing that. */
export async function withLook(
  summary: string,
  look: () => Promise<Omit<ActionPreview, 'summary'>>,
): Promise<ActionPreview> {
  try {
    return { summary, ...(await look()) }
  } catch (error) {
    return { summary, warning: `could not look at what it would change: ${messageOf(error)}` }
  }
}
