import { includesRole, roleOver, subjectOf, type Over, type Role } from '../core/access.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import type { Engine } from '../engine/engine.ts'
import { noSuchIncident, roleTooWeak } from '../engine/visible.ts'
import { subjectOfIncident, subjectOfPlan } from '../history/subjects.ts'

/**
 * What the role of a route must be held over. `incident` and `runbook`: over the one that the path names. `anything`: the route itself shows
 * only what the person may see. `self`: the route is only about the caller, and no role is needed.
 */
export type RouteScope = 'everything' | 'anything' | 'incident' | 'runbook' | 'self'

/** The values of the parameters of a path, such as `id` of `/incidents/:id`, as they are written in the path. */
export type PathValues = Readonly<Record<string, string>>

export function pathValues(pattern: string, path: string): PathValues {
  const given = path.split('/')
  const named = pattern.split('/').map((part, i): [string, string] => [part, given[i] ?? ''])
  return Object.fromEntries(
    named.filter(([part]) => part.startsWith(':')).map(([part, value]) => [part.slice(1), value]),
  )
}

/**
 * The role that the person has on a route. Throws `RUNBOOK_NOT_ALLOWED` if the role does not include the wanted one, and
 * `RUNBOOK_NOT_FOUND` if the person may not see the incident or runbook at all, so that nobody can find out which ones exist.
 */
export async function roleOnRoute(
  engine: Engine,
  person: Person,
  { role: wanted, over }: { role: Role; over: RouteScope },
  values: PathValues,
): Promise<Role | undefined> {
  const { access } = engine.config
  const held = roleOver(access, person, access === undefined ? 'everything' : await overOf(engine, over, values))
  if (over === 'self' || includesRole(held, wanted)) return held
  if (held === undefined && over === 'incident') throw noSuchIncident(values.id ?? '')
  if (held === undefined && over === 'runbook') throw noSuchRunbook(values)
  throw roleTooWeak(person, held, wanted)
}

/** An incident or runbook that does not exist, or whose plan cannot be read, needs a role over everything. */
async function overOf(engine: Engine, over: RouteScope, values: PathValues): Promise<Over> {
  if (over === 'incident') return (await subjectOfIncident(engine.database, values.id ?? '')) ?? 'everything'
  if (over === 'runbook') return (await subjectOfRunbook(engine, values)) ?? 'everything'
  return over === 'everything' ? 'everything' : 'anything'
}

/** The subject of the loaded runbook, or of the version that the path names. */
async function subjectOfRunbook({ catalogue, database }: Engine, { name, runbook, digest }: PathValues) {
  const loaded = catalogue.byName.get(name ?? runbook ?? '')
  if (digest !== undefined && digest !== loaded?.planDigest) return subjectOfPlan(database, digest)
  return loaded && subjectOf(loaded.plan)
}

function noSuchRunbook({ name, runbook }: PathValues): RunbookError {
  return new RunbookError(
    'RUNBOOK_NOT_FOUND',
    `no runbook ${JSON.stringify(name ?? runbook ?? '')}; GET /v1/runbooks lists all of them`,
  )
}
