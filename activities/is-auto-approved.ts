import type { DraftAction } from '../src/interpreter/host.ts'
import { kindNamed } from '../src/language/kinds/table.ts'
import type { ActivityDependencies } from './dependencies.ts'

/**
 * Whether the configuration allows this action without an approval. Actions that change nothing by themselves never
 * need an approval.
 */
export function isAutoApproved({ auto }: Pick<ActivityDependencies, 'auto'>, action: DraftAction): boolean {
  const access = kindNamed(action.kind)?.access
  if (access === 'message' || access === 'person') return true
  return auto.some((one) => one.kind === action.kind && one.connection === action.with.connection)
}
