import { includesRole, roleOver, subjectOf, type Role } from '../core/access.ts'
import { RunbookError } from '../core/errors.ts'
import type { FileStatus } from '../core/file-status.ts'
import type { Person } from '../core/person.ts'
import type { Accepted } from '../history/accept.ts'
import { subjectOfIncident, subjectOfPlan } from '../history/subjects.ts'
import { runbookFor, type EngineCatalogue } from './catalogue.ts'
import type { Engine } from './engine.ts'
import { trigger, type TriggerRequest } from './trigger.ts'

/**
 * The digests of the plans whose incidents a person may see. Null: the person may see everything, also incidents whose plans cannot be read.
 */
export type VisiblePlans = string[] | null

export async function visiblePlans(
  { database, config }: Pick<Engine, 'database' | 'config'>,
  person: Person,
): Promise<VisiblePlans> {
  const { access } = config
  if (roleOver(access, person, 'everything') !== undefined) return null
  if (roleOver(access, person, 'anything') === undefined) return []
  const stored = await database.query<{ digest: string }>('SELECT digest FROM runbook.plans')
  const visible: string[] = []
  for (const { digest } of stored.rows) {
    const subject = await subjectOfPlan(database, digest)
    if (subject && roleOver(access, person, subject) !== undefined) visible.push(digest)
  }
  return visible
}

/** The loaded runbooks that a person may see. Files with errors are left out unless the person may see everything. */
export function visibleCatalogue(
  { catalogue, config: { access } }: Pick<Engine, 'catalogue' | 'config'>,
  person: Person,
): EngineCatalogue {
  if (roleOver(access, person, 'everything') !== undefined) return catalogue
  const runbooks = catalogue.runbooks.filter(({ plan }) => roleOver(access, person, subjectOf(plan)) !== undefined)
  return {
    ...catalogue,
    runbooks,
    byName: new Map(runbooks.map((one) => [one.plan.name, one])),
    byIncident: new Map(runbooks.map((one) => [one.plan.incident, one])),
    problems: [],
  }
}

/** The state of the files; without their problems, which name runbooks, unless the person may see everything. */
export function visibleFiles(
  { files, config: { access } }: Pick<Engine, 'files' | 'config'>,
  person: Person,
): FileStatus {
  return roleOver(access, person, 'everything') === undefined ? { ...files, problems: [] } : files
}

/** Throws `RUNBOOK_NOT_FOUND` if the person may not see the incident, and `RUNBOOK_NOT_ALLOWED` without the wanted role over it. */
export async function requireRoleOverIncident(
  { database, config: { access } }: Pick<Engine, 'database' | 'config'>,
  person: Person,
  incident: string,
  wanted: Role,
): Promise<void> {
  const subject = access && (await subjectOfIncident(database, incident))
  const held = roleOver(access, person, subject ?? 'everything')
  if (held === undefined) throw noSuchIncident(incident)
  if (!includesRole(held, wanted)) throw roleTooWeak(person, held, wanted)
}

/**
 * Opens an incident for a person, as `trigger` does. The person needs the role "operator" over the runbook. A runbook that the person may
 * not see does not exist for the person.
 */
export async function triggerAs(
  engine: Engine,
  person: Person,
  request: Omit<TriggerRequest, 'requester'>,
): Promise<Accepted> {
  const { plan } = runbookFor(visibleCatalogue(engine, person), request.type)
  const held = roleOver(engine.config.access, person, subjectOf(plan))
  if (!includesRole(held, 'operator')) throw roleTooWeak(person, held, 'operator')
  return trigger(engine, { ...request, requester: `person:${person.name}` })
}

/** The error for an incident that does not exist, or that the person may not see. Both have the same text. */
export function noSuchIncident(id: string): RunbookError {
  return new RunbookError('RUNBOOK_NOT_FOUND', `incident ${id} does not exist; run "runbook list" to see all incidents`)
}

export function roleTooWeak({ name, role }: Person, held: Role | undefined, wanted: Role): RunbookError {
  const has = held === undefined ? 'has no role here' : `has the role "${held}" here`
  return new RunbookError(
    'RUNBOOK_NOT_ALLOWED',
    role === 'viewer'
      ? `${name} has the role "viewer", which may only read. The role is set in runbook.config.yaml, under "people".`
      : `${name} ${has}, and this needs the role "${wanted}". The roles are set in runbook.config.yaml, under "access".`,
  )
}
