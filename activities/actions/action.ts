import { isDown } from '../../src/targets/connection-down.ts'
import { explainRedis } from '../../src/targets/explain-redis.ts'
import { messageOf } from '../../src/core/errors.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { ActionImplementation } from '../../src/effects/action-implementation.ts'
import type { Kind } from '../../src/language/kinds/kind.ts'
import type { PreviewImplementation } from '../checks/check.ts'

/** An action kind: its description, its preview, and its implementation. */
export interface Action {
  kind: Kind
  preview: PreviewImplementation
  implementation: ActionImplementation
}

/** Thrown with the preview of an action whose connection is down. */
export class UnreadPreview extends Error {
  readonly preview: ActionPreview
  constructor(preview: ActionPreview, cause: unknown) {
    super(messageOf(cause), { cause })
    this.preview = preview
  }
}

/**
 * Builds a preview whose details are read from the target. If that read fails, the preview has the summary and a warning with the reason.
 * If it fails because the connection is down, this function throws `UnreadPreview` with that preview.
 */
export async function previewWith(
  summary: string,
  readDetails: () => Promise<Omit<ActionPreview, 'summary'>>,
): Promise<ActionPreview> {
  try {
    return { summary, ...(await readDetails()) }
  } catch (error) {
    const isReply = error instanceof Error && error.name === 'ReplyError'
    const why = isReply ? explainRedis(error) : messageOf(error)
    const preview = { summary, warning: `could not read what it would change: ${why}` }
    if (isDown(error)) throw new UnreadPreview(preview, error)
    return preview
  }
}
