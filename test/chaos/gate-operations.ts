import fc from 'fast-check'

/** The people in a sequence of operations. `requester` opened the incident; `stranger` is not in the configuration. */
export const PERSON_NAMES = ['requester', 'second', 'third', 'lead', 'reader', 'stranger'] as const
export type PersonName = (typeof PERSON_NAMES)[number]

/** The groups of each person in the initial configuration. */
export const GROUPS: Record<Exclude<PersonName, 'stranger'>, string[]> = {
  requester: ['oncall'],
  second: ['oncall'],
  third: ['oncall'],
  lead: ['platform'],
  reader: [],
}
/** People with a registered public key. */
export const WITH_KEYS: readonly PersonName[] = ['third', 'lead']

export const TARGETS = ['a', 'b', 'c'] as const

/** Settings of a gate. The group `oncall` may decide. After a timeout with `escalate`, the group `platform` may decide too. */
export interface GateSettings {
  required: number
  excludeRequester: boolean
  onTimeout: 'reject' | 'escalate'
}

/** A person's decision about the gate. */
export interface DecisionRequest {
  person: PersonName
  decision: 'approve' | 'reject'
  /** Null means all targets. */
  targets: string[] | null
  /** The digest in the request: the digest of this proposal or of another one. */
  digest: 'this' | 'other'
}

/** The key that signed a token: the engine's current key, its former key, the person's own key, another person's key, or an unknown key. */
export type Signer = 'engine' | 'former' | 'own' | 'another' | 'unknown'

export type Operation =
  /** A decision through the API, which has authenticated the person. */
  | { do: 'decide'; request: DecisionRequest }
  /** A decision with a signed token, through the API or as a signal. */
  | { do: 'token'; request: DecisionRequest; signer: Signer; by: 'call' | 'signal' }
  /** An earlier token is submitted again. */
  | { do: 'replay'; which: number }
  /** The workflow is reset: all earlier tokens are signalled again. */
  | { do: 'reset' }
  | { do: 'withdraw'; person: PersonName }
  /** The configuration changes: a person leaves all groups, is removed, or gets the initial groups back. */
  | { do: 'people'; person: PersonName; change: 'leaves' | 'removed' | 'back' }
  /** The policy of the configuration demands that approvals are signed with a person's own key, or no longer. */
  | { do: 'policy'; signed: boolean }
  /** The gate's deadline passes. */
  | { do: 'expire' }
  /** The time for which an approval is valid passes. */
  | { do: 'age' }
  | { do: 'resolve' }
  | { do: 'cancel' }
  /** A worker requests a permit, after a new re-check or with the result of an earlier one. */
  | { do: 'permit'; target: string; recheck: 'fresh' | 'stale' }
  /** A database superuser inserts a forged approval. */
  | { do: 'forge'; person: PersonName }
  /** A database superuser sets the gate to approved. */
  | { do: 'force' }

const name = fc.constantFrom<PersonName>(
  'requester',
  'requester',
  'second',
  'second',
  'third',
  'third',
  'lead',
  'reader',
  'stranger',
)

const request: fc.Arbitrary<DecisionRequest> = fc.record({
  person: name,
  decision: fc.oneof(
    { weight: 40, arbitrary: fc.constant('approve' as const) },
    { weight: 1, arbitrary: fc.constant('reject' as const) },
  ),
  targets: fc.oneof(
    { weight: 2, arbitrary: fc.constant(null) },
    { weight: 3, arbitrary: fc.subarray<string>([...TARGETS], { minLength: 1 }) },
    { weight: 1, arbitrary: fc.constantFrom<string[]>([], ['z'], ['a', 'z']) },
  ),
  digest: fc.oneof(
    { weight: 9, arbitrary: fc.constant('this' as const) },
    { weight: 1, arbitrary: fc.constant('other' as const) },
  ),
})

const signer = fc.constantFrom<Signer>('engine', 'former', 'own', 'own', 'own', 'another', 'unknown')

const weighted: { weight: number; arbitrary: fc.Arbitrary<Operation> }[] = [
  { weight: 30, arbitrary: fc.record({ do: fc.constant('decide' as const), request }) },
  {
    weight: 25,
    arbitrary: fc.record({
      do: fc.constant('token' as const),
      request,
      signer,
      by: fc.constantFrom<'call' | 'signal'>('call', 'call', 'signal'),
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('replay' as const), which: fc.nat(1_000) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'reset' } as const) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('withdraw' as const), person: name }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('people' as const),
      person: name,
      change: fc.constantFrom<'leaves' | 'removed' | 'back'>('leaves', 'removed', 'back', 'back', 'back'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('policy' as const), signed: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ do: 'expire' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'age' } as const) },
  { weight: 3, arbitrary: fc.constant({ do: 'resolve' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'cancel' } as const) },
  {
    weight: 40,
    arbitrary: fc.record({
      do: fc.constant('permit' as const),
      target: fc.constantFrom<string>(...TARGETS, 'z'),
      recheck: fc.constantFrom<'fresh' | 'stale'>('fresh', 'fresh', 'fresh', 'stale'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('forge' as const), person: name }) },
  { weight: 1, arbitrary: fc.constant({ do: 'force' } as const) },
]

export const settings: fc.Arbitrary<GateSettings> = fc.record({
  required: fc.constantFrom(1, 2),
  excludeRequester: fc.boolean(),
  onTimeout: fc.constantFrom<'reject' | 'escalate'>('reject', 'escalate'),
})

export function sequence(length: number): fc.Arbitrary<Operation[]> {
  return fc.array(fc.oneof(...weighted), { minLength: length, maxLength: length })
}
