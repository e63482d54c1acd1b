import type { InputSpec } from '../../core/plan.ts'
import type { Catalogue } from '../catalogue.ts'

export interface RunbookView {
  name: string
  incident: string
  title: string
  owner: string | null
  inputs: Record<string, InputSpec>
  planDigest: string
}

/** The runbooks there are, by name. */
export function listRunbooks({ catalogue }: { catalogue: Catalogue }): RunbookView[] {
  return [...catalogue.byName.values()]
    .map(({ plan, planDigest }) => ({
      name: plan.name,
      incident: plan.incident,
      title: plan.title,
      owner: plan.owner ?? null,
      inputs: plan.inputs,
      planDigest,
    }))
    .sort((a, b) => a.name.localeCompare(b.name))
}
