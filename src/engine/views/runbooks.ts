import type { Catalogue } from '../catalogue.ts'
import type { RunbookView } from './view-types.ts'

/** The loaded runbooks, by name. */
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
