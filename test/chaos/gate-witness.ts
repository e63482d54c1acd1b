import { changePeople, isProposed, shown, type Seen } from './gate-model.ts'
import {
  GROUPS,
  TARGETS,
  WITH_KEYS,
  type Answer,
  type Name,
  type Operation,
  type Setting,
  type Signer,
} from './gate-operations.ts'

/**
 * Watches a gate and knows what people really said: it says what must never be, and takes no part. It shares no rule with the model,
 * so that a mistake in one is seen by the other.
 */
export class GateWitness {
  readonly #setting: Setting
  readonly #groups = new Map<Name, string[]>(Object.entries(GROUPS) as [Name, string[]][])
  /** What each person stands by at this moment. */
  readonly #stands = new Map<Name, Answer>()
  readonly #said = new Map<number, { answer: Answer; signer: Signer; byApi: boolean }>()
  readonly #counted = new Set<number>()
  readonly #permits = new Set<string>()
  /** Whose approval stands in the database and was never given: the same answer from them, by the API, is then taken for known. */
  readonly #planted = new Set<Name>()
  /** Within one operation, by a token that came before the next. */
  #decided = false
  #wider = false
  #late = false
  #aged = false
  #cancelled = false
  /** The database was changed by hand: then its gate may say anything, but no effect may follow. */
  #lied = false
  #before: Seen = { state: 'open', live: [], came: [] }

  constructor(setting: Setting) {
    this.#setting = setting
  }

  /** What should not have been, in words. */
  watch(operation: Operation, number: number, seen: Seen): string | undefined {
    const before = this.#before
    this.#happens(operation, number, seen)
    if (this.#late && operation.do !== 'expire' && seen.state === 'open' && settles(operation)) {
      this.#wider = true
      this.#late = false
    }
    if (seen.state !== before.state && seen.state === 'approved') this.#aged = false
    this.#before = seen
    if (operation.do === 'permit' && seen.granted)
      return this.#wrongWithPermit(operation.target, operation.grounds, before)
    const wasApproved = seen.state === 'approved' && before.state !== 'approved' && operation.do !== 'force'
    if (wasApproved && !this.#lied && !TARGETS.some((target) => this.#reached(target)))
      return `approved by no quorum: ${this.#standing()}`
    return undefined
  }

  #wrongWithPermit(target: string, grounds: string, before: Seen): string | undefined {
    const isFirst = !this.#permits.has(target)
    const isFirstOfAll = this.#permits.size === 0
    this.#permits.add(target)
    if (!isProposed(target)) return `an effect on ${target}, which was never proposed`
    if (!this.#quorum(target)) return `an effect on ${target} without a quorum: ${this.#standing()}`
    if (grounds === 'old') return `an effect on ${target} on stale grounds`
    if (!isFirst) return undefined
    if (this.#cancelled) return `an effect on ${target} after the incident was cancelled`
    if (before.state !== 'approved') return `an effect on ${target} while the gate is ${before.state}`
    return this.#aged && isFirstOfAll ? `an effect on ${target} on an approval that has lapsed` : undefined
  }

  #happens(operation: Operation, number: number, { came }: Seen): void {
    switch (operation.do) {
      case 'decide':
      case 'token':
        this.#said.set(number, {
          answer: operation.answer,
          signer: operation.do === 'token' ? operation.signer : 'engine',
          byApi: operation.do === 'decide',
        })
        break
      case 'withdraw':
        if (['open', 'approved'].includes(this.#before.state) && this.#permits.size === 0)
          this.#takesBack(operation.who)
        break
      case 'people':
        changePeople(this.#groups, operation)
        break
      case 'expire':
        this.#late ||= this.#before.state === 'open'
        break
      case 'age':
        this.#aged ||= this.#before.state === 'approved'
        break
      case 'cancel':
        this.#cancelled = true
        break
      case 'plant':
        this.#lied = true
        if (!this.#stands.has(operation.who)) this.#planted.add(operation.who)
        break
      case 'force':
        this.#lied = true
        break
    }
    this.#decided = false
    for (const one of came) this.#hear(one)
  }

  #takesBack(who: Name): void {
    this.#stands.delete(who)
    this.#planted.delete(who)
  }

  /** Somebody's answer, if it is theirs, theirs to give, new, and in time. A token is new as long as it was not counted. */
  #hear(number: number): void {
    const { answer, signer, byApi } = this.#said.get(number)!
    const isTheirs =
      ['engine', 'former'].includes(signer) ||
      (signer === 'own' && WITH_KEYS.includes(answer.who) && this.#groups.has(answer.who))
    const now = this.#stands.get(answer.who)
    const isPlanted = this.#planted.has(answer.who) && shown(answer) === shown(plantedBy(answer.who))
    const isRepeated = byApi && (isPlanted || (now !== undefined && shown(now) === shown(answer)))
    const isSensible =
      answer.digest === 'this' &&
      (answer.targets === null || (answer.targets.length > 0 && answer.targets.every(isProposed)))
    const isInTime = this.#before.state === 'open' && !this.#decided && !this.#late && !this.#cancelled
    if (!isTheirs || !isSensible || !isInTime || isRepeated || this.#counted.has(number) || !this.#mayDecide(answer))
      return
    this.#counted.add(number)
    this.#planted.delete(answer.who)
    this.#stands.set(answer.who, answer)
    const counted = (target: string) => this.#approving(target).length + this.#planted.size
    this.#decided = answer.decision === 'reject' || TARGETS.some((target) => counted(target) >= this.#setting.required)
  }

  /** So many stood by it when they said so; who may no longer decide is left out when an effect is asked for. */
  #reached(target: string): boolean {
    return this.#approving(target).length >= this.#setting.required
  }

  #approving(target: string): Name[] {
    return [...this.#stands]
      .filter(([, { decision, targets }]) => decision === 'approve' && (targets?.includes(target) ?? true))
      .map(([who]) => who)
  }

  #mayDecide({ who, decision }: Answer): boolean {
    const isIn = (group: string) => this.#groups.get(who)?.includes(group) === true
    if (decision === 'approve' && who === 'requester' && this.#setting.excludeRequester) return false
    return isIn('oncall') || (this.#wider && isIn('platform'))
  }

  #quorum(target: string): boolean {
    const may = this.#approving(target).filter((who) => this.#mayDecide(this.#stands.get(who)!))
    return may.length >= this.#setting.required
  }

  #standing(): string {
    return `${[...this.#stands.values()].map(shown).join('; ') || 'nobody approves'}, where it takes ${this.#setting.required}`
  }
}

function plantedBy(who: Name): Answer {
  return { who, decision: 'approve', targets: null, digest: 'this' }
}

function settles(operation: Operation): boolean {
  return (
    operation.do === 'resolve' || operation.do === 'reset' || (operation.do === 'token' && operation.by === 'signal')
  )
}
