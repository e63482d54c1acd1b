import type { Config } from '../config/config.ts'
import { RunbookError } from '../core/errors.ts'
import type { Plan } from '../core/plan.ts'
import { nearest } from '../language/expressions/nearest.ts'

export interface CompiledRunbook {
  plan: Plan
  planDigest: string
  /** The YAML that it was compiled from. */
  source: string
  file: string
}

/** The runbooks that this process knows. */
export interface Catalogue {
  byName: Map<string, CompiledRunbook>
  /** By incident type. */
  byType: Map<string, CompiledRunbook>
}

export async function loadCatalogue(_config: Config): Promise<Catalogue> {
  return { byName: new Map(), byType: new Map() }
}

/** Throws `RUNBOOK_UNKNOWN_INCIDENT_TYPE` with the types there are. */
export function runbookFor(catalogue: Catalogue, type: string): CompiledRunbook {
  const found = catalogue.byType.get(type)
  if (found) return found
  const known = [...catalogue.byType.keys()].sort()
  const like = nearest(type, known)
  throw new RunbookError(
    'RUNBOOK_UNKNOWN_INCIDENT_TYPE',
    `no runbook treats incidents of type ${type}${like ? `; did you mean ${like}?` : ''} Known: ${known.join(', ') || 'none'}`,
    { known },
  )
}
