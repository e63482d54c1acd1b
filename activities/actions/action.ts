import { isDown } from '../../src/targets/connection-down.ts'
import { explainRedis } from '../../src/targets/explain-redis.ts'
import { messageOf, RunbookError } from '../../src/core/errors.ts'
import type { ActionPreview } from '../../src/core/proposal.ts'
import type { ActionImplementation } from '../../src/effects/action-implementation.ts'
import type { Kind } from '../../src/language/kinds/kind.ts'
import type { PreviewImplementation } from '../checks/check.ts'

/** The end of the warning of an unread preview. */
const NOT_APPLIED = 'The action is refused even if it is approved, because nobody can see what it would change'

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
 * Builds a preview whose details are read from the target. If that read fails, the preview has the summary, `unread`, and
 * a warning with the reason.
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
    const preview = unreadPreview(summary, `could not read what it would change: ${why}`)
    if (isDown(error)) throw new UnreadPreview(preview, error)
    return preview
  }
}

/** The preview of an action of which nobody can see what it would change. The executor refuses the action, and the warning says so. */
export function unreadPreview(summary: string, problem: string): ActionPreview {
  return { summary, warning: `${problem}. ${NOT_APPLIED}`, unread: problem }
}

/** Throws RUNBOOK_CHECK_FAILED if rows were found and none of them is small enough to be shown. */
export function requireShownRows(found: number, shown: number): void {
  if (found > 0 && shown === 0)
    throw new RunbookError('RUNBOOK_CHECK_FAILED', 'the first row has more than 64 kB and cannot be shown')
}

/** The warnings that are present, as the one warning of a preview; empty if none is. */
export function warningOf(warnings: (string | undefined)[]): Pick<ActionPreview, 'warning'> {
  const present = warnings.filter((warning) => warning !== undefined)
  return present.length > 0 ? { warning: present.join('; ') } : {}
}
