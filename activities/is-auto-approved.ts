import type { DraftAction } from '../src/interpreter/host.ts'
import { kindNamed } from '../src/language/kinds/table.ts'
import type { ApprovalRules } from './dependencies.ts'

/**
 * Whether the configuration allows this action without an approval. Actions that change nothing by themselves never
 * need an approval.
 */
export function isAutoApproved({ auto }: Pick<ApprovalRules, 'auto'>, action: DraftAction): boolean {
  const access = kindNamed(action.kind)?.access
  if (access === 'message' || access === 'person') return true
  return auto.some((one) => one.kind === action.kind && one.connection === action.with.connection)
}
