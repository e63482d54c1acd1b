/**
 * How a decision is proved, from weak to strong: `login` by a token or the identity provider, `signed` by the person's own registered key,
 * `passkey` by a passkey of the person, on the device of the person.
 */
export const STRENGTHS = ['login', 'signed', 'passkey'] as const
export type Strength = (typeof STRENGTHS)[number]

/** The stronger one. */
export function strongerOf(one: Strength, other: Strength): Strength {
  return isAtLeast(one, other) ? one : other
}

export function isAtLeast(one: Strength, demanded: Strength): boolean {
  return STRENGTHS.indexOf(one) >= STRENGTHS.indexOf(demanded)
}

/** What a person must do for this strength, as text; undefined if signing in is enough. */
export function strengthText(strength: Strength): string | undefined {
  return { login: undefined, signed: 'signed with their own key', passkey: 'with a passkey' }[strength]
}
