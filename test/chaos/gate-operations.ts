import fc from 'fast-check'

/** What the people of a sequence say and what befalls them; `requester` opened the incident, `stranger` is not configured. */
export const NAMES = ['requester', 'second', 'third', 'lead', 'reader', 'stranger'] as const
export type Name = (typeof NAMES)[number]

/** In the configuration at the start. */
export const GROUPS: Record<Exclude<Name, 'stranger'>, string[]> = {
  requester: ['oncall'],
  second: ['oncall'],
  third: ['oncall'],
  lead: ['platform'],
  reader: [],
}
/** Those with a registered key. */
export const WITH_KEYS: readonly Name[] = ['third', 'lead']

export const TARGETS = ['a', 'b', 'c'] as const

/** How a gate is set. Its group is `oncall`; unanswered, `platform` may decide too where it escalates. */
export interface Setting {
  required: number
  excludeRequester: boolean
  onTimeout: 'reject' | 'escalate'
}

export interface Answer {
  who: Name
  decision: 'approve' | 'reject'
  /** Null: all. */
  targets: string[] | null
  /** Whose digest it names: this proposal's, or that of another. */
  digest: 'this' | 'other'
}

/** Whose key signed a token: the engine's, its former one, the named person's, another person's, one that nobody knows. */
export type Signer = 'engine' | 'former' | 'own' | 'another' | 'unknown'

export type Operation =
  /** By the API: who it is was authenticated before. */
  | { do: 'decide'; answer: Answer }
  /** By a token, handed over or sent as a signal. */
  | { do: 'token'; answer: Answer; signer: Signer; by: 'call' | 'signal' }
  /** One of the tokens of before comes again. */
  | { do: 'replay'; which: number }
  /** The workflow is reset: all tokens that ever came are signalled again. */
  | { do: 'reset' }
  | { do: 'withdraw'; who: Name }
  /** The configuration changes: somebody leaves their groups, is removed, or is as at the start. */
  | { do: 'people'; who: Name; change: 'leaves' | 'removed' | 'back' }
  /** The gate's time passes; the time for which an approval is valid passes. */
  | { do: 'expire' }
  | { do: 'age' }
  | { do: 'resolve' }
  | { do: 'cancel' }
  /** A worker asks for its permit, after a look at the grounds, or with one of before. */
  | { do: 'permit'; target: string; grounds: 'fresh' | 'old' }
  /** Somebody with all rights on the engine's database writes an approval that nobody gave, or sets the gate to approved. */
  | { do: 'plant'; who: Name }
  | { do: 'force' }

const name = fc.constantFrom<Name>(
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

const answer: fc.Arbitrary<Answer> = fc.record({
  who: name,
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
  { weight: 30, arbitrary: fc.record({ do: fc.constant('decide' as const), answer }) },
  {
    weight: 25,
    arbitrary: fc.record({
      do: fc.constant('token' as const),
      answer,
      signer,
      by: fc.constantFrom<'call' | 'signal'>('call', 'call', 'signal'),
    }),
  },
  { weight: 10, arbitrary: fc.record({ do: fc.constant('replay' as const), which: fc.nat(1_000) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'reset' } as const) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('withdraw' as const), who: name }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('people' as const),
      who: name,
      change: fc.constantFrom<'leaves' | 'removed' | 'back'>('leaves', 'removed', 'back', 'back', 'back'),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'expire' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'age' } as const) },
  { weight: 3, arbitrary: fc.constant({ do: 'resolve' } as const) },
  { weight: 1, arbitrary: fc.constant({ do: 'cancel' } as const) },
  {
    weight: 40,
    arbitrary: fc.record({
      do: fc.constant('permit' as const),
      target: fc.constantFrom<string>(...TARGETS, 'z'),
      grounds: fc.constantFrom<'fresh' | 'old'>('fresh', 'fresh', 'fresh', 'old'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('plant' as const), who: name }) },
  { weight: 1, arbitrary: fc.constant({ do: 'force' } as const) },
]

export const setting: fc.Arbitrary<Setting> = fc.record({
  required: fc.constantFrom(1, 2),
  excludeRequester: fc.boolean(),
  onTimeout: fc.constantFrom<'reject' | 'escalate'>('reject', 'escalate'),
})

export function sequence(length: number): fc.Arbitrary<Operation[]> {
  return fc.array(fc.oneof(...weighted), { minLength: length, maxLength: length })
}
