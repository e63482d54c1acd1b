import type { Config } from '../../config/config.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { policyAction, policyTerms, type PolicyRule } from '../../core/policy.ts'
import type { PlanRemedy } from '../../core/plan.ts'
import type { EngineCatalogue } from '../catalogue.ts'

/**
 * Checks each rule of the policy: enough people can satisfy the rule, the rule matches a remedy, and the authors whom the rule excludes are
 * known.
 */
export function checkPolicy(config: Config, catalogue: EngineCatalogue): DoctorFinding[] {
  return config.policy.rules.map((rule) => {
    const name = `policy ${rule.name}`
    const tooFew = whyTooFew(config, rule)
    if (tooFew !== undefined)
      return { name, ok: false, detail: tooFew, fix: 'add people to the groups, or change the rule' }
    const matched = catalogue.runbooks.filter(({ plan }) =>
      Object.values(plan.remedies).some((remedy) => isMatched(config, rule, remedy)),
    )
    if (matched.length === 0)
      return {
        name,
        ok: true,
        warning: true,
        detail: 'matches no remedy of the runbooks',
        fix: 'compare "match" with the runbooks',
      }
    const unknown = rule.excludeAuthor ? matched.filter(({ planDigest }) => !catalogue.authors.has(planDigest)) : []
    if (unknown.length > 0)
      return {
        ...{ name, ok: false },
        detail: `nobody can approve remedies of ${unknown.map(({ plan }) => plan.name).join(', ')}: the author is unknown`,
        fix: 'commit the runbooks to git (not a shallow clone), as an author whose address is in "emails" of "people"; the engine reads the author within seconds',
      }
    return { name, ok: true, detail: `for ${matched.map(({ plan }) => plan.name).join(', ')}` }
  })
}

function isMatched({ policy }: Config, rule: PolicyRule, { risk, actions }: PlanRemedy): boolean {
  const touched = actions.map(({ kind, with: { connection } }) =>
    policyAction({ kind, with: { connection: connection && 'lit' in connection ? connection.lit : undefined } }),
  )
  return policyTerms({ ...policy, rules: [rule] }, risk, touched) !== undefined
}

/**
 * The reason why too few people can satisfy the rule; undefined if enough can. Members of an identity provider's groups are not known here.
 * They have no registered keys, so only people in the configuration can satisfy `signed`. Everybody can
 * register a passkey.
 */
function whyTooFew({ people, oidc }: Config, { by, count, strength }: PolicyRule): string | undefined {
  if (oidc && strength !== 'signed') return undefined
  const able = Object.values(people).filter(
    ({ groups, keys }) =>
      (by.length === 0 || groups.some((group) => by.includes(group))) && (strength !== 'signed' || keys.length > 0),
  )
  if (able.length >= count) return undefined
  const who = `${by.length > 0 ? ` of ${by.join(' or ')}` : ''}${strength === 'signed' ? ' with a registered key' : ''}`
  return `${count === 1 ? '1 person' : `${count} people`}${who} must approve, but there ${able.length === 1 ? 'is only 1' : `are only ${able.length}`}`
}
