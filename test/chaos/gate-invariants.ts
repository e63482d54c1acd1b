import { changePeople, isProposed, formatDecision, type Observation } from './gate-model.ts'
import {
  GROUPS,
  TARGETS,
  WITH_KEYS,
  type DecisionRequest,
  type PersonName,
  type Operation,
  type GateSettings,
  type Signer,
} from './gate-operations.ts'

interface SignedRequest extends DecisionRequest {
  signer: Signer
}

/**
 * Checks the operations on a gate and its visible state against the promises of a gate. It shares no rule with the model, so that a
 * mistake in one is detected by the other.
 */
export class GateInvariants {
  readonly #settings: GateSettings
  readonly #groups = new Map<PersonName, string[]>(Object.entries(GROUPS) as [PersonName, string[]][])
  /** The current decision of each person. */
  readonly #decisions = new Map<PersonName, SignedRequest>()
  readonly #tokens = new Map<number, { request: DecisionRequest; signer: Signer; byApi: boolean }>()
  readonly #acceptedTokens = new Set<number>()
  readonly #permits = new Set<string>()
  /** People with a forged approval in the database. The gate treats the same decision of theirs through the API as a repetition. */
  readonly #forged = new Set<PersonName>()
  /** Whether an earlier token of the current operation has decided the gate. */
  #decided = false
  #escalated = false
  #isLate = false
  #isAged = false
  #isCancelled = false
  #isSignedDemanded = false
  /** True after a superuser changed the database. From then on the state of the gate proves nothing, but no effect may follow from the change. */
  #tampered = false
  #previous: Observation = { state: 'open', live: [], receivedTokens: [] }

  constructor(settings: GateSettings) {
    this.#settings = settings
  }

  /** Records an operation with its result. Returns a description of the violated promise, or undefined. */
  check(operation: Operation, number: number, observed: Observation): string | undefined {
    const previous = this.#previous
    this.#apply(operation, number, observed)
    if (this.#isLate && operation.do !== 'expire' && observed.state === 'open' && resolvesGate(operation)) {
      this.#escalated = true
      this.#isLate = false
    }
    if (observed.state !== previous.state && observed.state === 'approved') this.#isAged = false
    this.#previous = observed
    if (operation.do === 'permit' && observed.granted)
      return this.#checkPermit(operation.target, operation.recheck, previous)
    const wasApproved = observed.state === 'approved' && previous.state !== 'approved' && operation.do !== 'force'
    if (wasApproved && !this.#tampered && !TARGETS.some((target) => this.#hasApprovals(target)))
      return `approved without a quorum: ${this.#describeDecisions()}`
    return undefined
  }

  #checkPermit(target: string, recheck: string, previous: Observation): string | undefined {
    const isFirst = !this.#permits.has(target)
    const isFirstOfAll = this.#permits.size === 0
    this.#permits.add(target)
    if (!isProposed(target)) return `an effect on ${target}, which was never proposed`
    if (!this.#hasQuorum(target)) return `an effect on ${target} without a quorum: ${this.#describeDecisions()}`
    if (recheck === 'stale') return `an effect on ${target} with a stale re-check`
    if (!isFirst) return undefined
    if (this.#isCancelled) return `an effect on ${target} after the incident was cancelled`
    if (previous.state !== 'approved') return `an effect on ${target} while the gate is ${previous.state}`
    return this.#isAged && isFirstOfAll ? `an effect on ${target} with a lapsed approval` : undefined
  }

  #apply(operation: Operation, number: number, { receivedTokens }: Observation): void {
    switch (operation.do) {
      case 'decide':
      case 'token':
        this.#tokens.set(number, {
          request: operation.request,
          signer: operation.do === 'token' ? operation.signer : 'engine',
          byApi: operation.do === 'decide',
        })
        break
      case 'withdraw':
        if (['open', 'approved'].includes(this.#previous.state) && this.#permits.size === 0)
          this.#withdraw(operation.person)
        break
      case 'people':
        changePeople(this.#groups, operation)
        break
      case 'policy':
        this.#isSignedDemanded = operation.signed
        break
      case 'expire':
        this.#isLate ||= this.#previous.state === 'open'
        break
      case 'age':
        this.#isAged ||= this.#previous.state === 'approved'
        break
      case 'cancel':
        this.#isCancelled = true
        break
      case 'forge':
        this.#tampered = true
        if (!this.#decisions.has(operation.person)) this.#forged.add(operation.person)
        break
      case 'force':
        this.#tampered = true
        break
    }
    this.#decided = false
    for (const one of receivedTokens) this.#receive(one)
  }

  #withdraw(person: PersonName): void {
    this.#decisions.delete(person)
    this.#forged.delete(person)
  }

  /** Records a token if it is authentic, valid, in time, not a repetition, and from a person who may decide. */
  #receive(number: number): void {
    const { request, signer, byApi } = this.#tokens.get(number)!
    const isAuthentic =
      ['engine', 'former'].includes(signer) ||
      (signer === 'own' && WITH_KEYS.includes(request.person) && this.#groups.has(request.person))
    const current = this.#decisions.get(request.person)
    const equalsForged =
      this.#forged.has(request.person) && formatDecision(request) === formatDecision(forgedApproval(request.person))
    const isRepeated =
      byApi && (equalsForged || (current !== undefined && formatDecision(current) === formatDecision(request)))
    const isValid =
      request.digest === 'this' &&
      (request.targets === null || (request.targets.length > 0 && request.targets.every(isProposed)))
    const isInTime = this.#previous.state === 'open' && !this.#decided && !this.#isLate && !this.#isCancelled
    if (
      !isAuthentic ||
      !isValid ||
      !isInTime ||
      isRepeated ||
      this.#acceptedTokens.has(number) ||
      !this.#mayDecide({ ...request, signer })
    )
      return
    this.#acceptedTokens.add(number)
    this.#forged.delete(request.person)
    this.#decisions.set(request.person, { ...request, signer })
    const approvals = (target: string) => this.#approvers(target).length + this.#forged.size
    this.#decided =
      request.decision === 'reject' || TARGETS.some((target) => approvals(target) >= this.#settings.required)
  }

  /** Whether enough people approve the target, including people who may no longer decide. */
  #hasApprovals(target: string): boolean {
    return this.#approvers(target).length >= this.#settings.required
  }

  #approvers(target: string): PersonName[] {
    return [...this.#decisions]
      .filter(([, { decision, targets }]) => decision === 'approve' && (targets?.includes(target) ?? true))
      .map(([person]) => person)
  }

  #mayDecide({ person, decision, signer }: SignedRequest): boolean {
    if (decision === 'approve' && this.#isSignedDemanded && signer !== 'own') return false
    const isIn = (group: string) => this.#groups.get(person)?.includes(group) === true
    if (decision === 'approve' && person === 'requester' && this.#settings.excludeRequester) return false
    return isIn('oncall') || (this.#escalated && isIn('platform'))
  }

  /** Whether enough people who may decide now approve the target. */
  #hasQuorum(target: string): boolean {
    const entitled = this.#approvers(target).filter((person) => this.#mayDecide(this.#decisions.get(person)!))
    return entitled.length >= this.#settings.required
  }

  #describeDecisions(): string {
    return `${[...this.#decisions.values()].map(formatDecision).join('; ') || 'no decisions'}; required approvals: ${this.#settings.required}`
  }
}

function forgedApproval(person: PersonName): DecisionRequest {
  return { person, decision: 'approve', targets: null, digest: 'this' }
}

function resolvesGate(operation: Operation): boolean {
  return (
    operation.do === 'resolve' || operation.do === 'reset' || (operation.do === 'token' && operation.by === 'signal')
  )
}
