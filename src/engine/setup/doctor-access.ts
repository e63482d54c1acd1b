import type { Config } from '../../config/config.ts'
import { describeGrant, ROLES, roleOver, subjectOf, type Grant } from '../../core/access.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import type { Catalogue } from '../catalogue.ts'

/** Reports grants that are for no loaded runbook, for example because of a misspelled type, and a missing role that ends a freeze. */
export function checkGrants({ access }: Pick<Config, 'access'>, catalogue: Catalogue): DoctorFinding[] {
  if (access === undefined) return []
  const warning = (detail: string, fix: string): DoctorFinding => ({
    name: 'access',
    ok: true,
    warning: true,
    detail,
    fix,
  })
  const useless = access.filter((grant) => !catalogue.runbooks.some(({ plan }) => isFor(grant, subjectOf(plan))))
  const findings = useless.map((grant) =>
    warning(
      `the grant ${nameOf(grant)} is for no loaded runbook`,
      'compare its types, runbooks and connections with the page /runbooks, or with the runbook files',
    ),
  )
  if (!access.some((grant) => grant.role === ROLES.at(-1) && isFor(grant, 'everything')))
    findings.push(
      warning(
        'nobody has the role admin over everything, so nobody can end a freeze on the pages or close a breaker',
        'add a grant with "role: admin" and without types, runbooks and connections',
      ),
    )
  if (findings.length > 0) return findings
  return [{ name: 'access', ok: true, detail: access.length === 1 ? '1 grant' : `${access.length} grants` }]
}

/** Whether the grant covers the subject. The people of the grant do not matter here. */
function isFor(grant: Grant, over: Parameters<typeof roleOver>[2]): boolean {
  return roleOver([{ ...grant, people: ['anybody'] }], { name: 'anybody', groups: [], keys: [] }, over) !== undefined
}

function nameOf(grant: Grant): string {
  return `"${describeGrant(grant)}" of ${[...grant.people, ...grant.groups].join(', ')}`
}
