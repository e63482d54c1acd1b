import type { Plan } from '../core/plan.ts'
import type { EvaluatedCause } from './find.ts'
import { remedyOf, renderRemedy } from './render.ts'
import type { Scope } from './scope.ts'

/** The remedies that earlier rounds of an incident tried without success. Later rounds do not propose them again. */
export class Treated {
  readonly #plan: Plan
  /** `remedy/target` for each target to which a remedy was applied without success: it is not applied to that target again. */
  readonly #ineffective = new Set<string>()
  /** `remedy/target` for each target for which a person reported that a manual step will not be done. */
  readonly #declined = new Set<string>()
  /** Names of the causes that a person rejected with "next cause". */
  readonly #rejectedCauses = new Set<string>()

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** Records that a person rejected the remedy of this cause with "next cause". */
  rejectCause(cause: string): void {
    this.#rejectedCauses.add(cause)
  }

  /** Records that a person reported a manual step of the remedy as not done for these targets. */
  decline(remedy: string, targets: Iterable<string>): void {
    for (const key of targets) this.#declined.add(`${remedy}/${key}`)
  }

  /** Records that the remedy was applied to these targets and did not help. */
  addIneffective(remedy: string, targets: string[]): void {
    for (const key of targets) this.#ineffective.add(`${remedy}/${key}`)
  }

  /** Why a cause that holds must not be chosen; undefined if it may be. */
  whyExcluded(one: EvaluatedCause, scope: Scope): string | undefined {
    const { name: cause, then } = one.cause
    if (this.#rejectedCauses.has(cause))
      return `${cause} still holds, and a person rejected its remedy with "next cause"`
    if (!('remedy' in then)) return undefined
    const rendered = renderRemedy(remedyOf(this.#plan, one), one, scope)
    // If no target is left, `propose` reports why.
    if (rendered.targets.length === 0) return undefined
    const keys = rendered.targets.map(({ target }) => target.key)
    if (!keys.every((key) => this.includes(then.remedy, key))) return undefined
    return keys.some((key) => this.#declined.has(`${then.remedy}/${key}`))
      ? `${cause} still holds, and a person reported a manual step of ${then.remedy} as not done`
      : `${cause} still holds, and ${then.remedy} was applied before and did not help`
  }

  /** Whether the remedy must not be proposed for the target again. */
  includes(remedy: string, target: string): boolean {
    const key = `${remedy}/${target}`
    return this.#ineffective.has(key) || this.#declined.has(key)
  }
}
