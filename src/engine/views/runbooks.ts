import { RunbookError } from '../../core/errors.ts'
import { listVersions, readSource } from '../../history/plans.ts'
import type { Catalogue } from '../catalogue.ts'
import type { Engine } from '../engine.ts'
import { isoTime } from './iso-time.ts'
import { isUndo } from '../undo-plan.ts'
import type { VisiblePlans } from '../visible.ts'
import type { IncidentSummary, RunbookVersion, RunbookView, ShownIncident } from './view-types.ts'

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

/** Throws `RUNBOOK_NOT_FOUND`. */
export function runbookNamed(engine: { catalogue: Catalogue }, name: string): RunbookView {
  const found = listRunbooks(engine).find((runbook) => runbook.name === name)
  if (found) return found
  throw notFound(name)
}

/** Whether the loaded runbook is still the same as the plan of the incident. */
export function runbookNow(
  { byName }: Catalogue,
  incident: Pick<IncidentSummary, 'runbook' | 'planDigest' | 'type' | 'key' | 'parent'>,
): ShownIncident['runbookNow'] {
  if (isUndo(incident)) return 'same'
  const loaded = byName.get(incident.runbook)
  if (!loaded) return 'removed'
  return loaded.planDigest === incident.planDigest ? 'same' : 'changed'
}

/**
 * The versions of a runbook that incidents used, and the version that is loaded now; newest first. `plans`: of the versions
 * that incidents used, only these; null: all. Throws `RUNBOOK_NOT_FOUND`.
 */
export async function runbookVersions(
  { database, catalogue }: Pick<Engine, 'database' | 'catalogue'>,
  name: string,
  plans: VisiblePlans,
): Promise<RunbookVersion[]> {
  const loaded = catalogue.byName.get(name)?.planDigest
  const stored = await listVersions(database, name)
  const visible = stored.filter(({ planDigest }) => plans === null || plans.includes(planDigest))
  const used = visible.map(({ storedAt, ...one }) => ({
    ...one,
    firstUsedAt: isoTime(storedAt),
    loaded: one.planDigest === loaded,
  }))
  if (loaded === undefined && used.length === 0) throw notFound(name)
  if (loaded === undefined || used.some(({ planDigest }) => planDigest === loaded)) return used
  const author = catalogue.authors.get(loaded)
  const authors = author === undefined ? [] : [author]
  return [{ planDigest: loaded, firstUsedAt: null, incidents: 0, authors, loaded: true }, ...used]
}

/** The YAML text of one version. Throws `RUNBOOK_NOT_FOUND`. */
export async function runbookSource(
  { database, catalogue }: Pick<Engine, 'database' | 'catalogue'>,
  name: string,
  planDigest: string,
): Promise<{ planDigest: string; source: string }> {
  const loaded = catalogue.byName.get(name)
  if (loaded?.planDigest === planDigest) return { planDigest, source: loaded.text }
  const source = await readSource(database, name, planDigest)
  if (source === undefined) throw notFound(`${name} with the plan ${planDigest}`)
  return { planDigest, source }
}

function notFound(what: string): RunbookError {
  return new RunbookError('RUNBOOK_NOT_FOUND', `no runbook ${JSON.stringify(what)}; GET /v1/runbooks lists all of them`)
}
