/** The roles that `people` of the configuration can give. `viewer` may only read, whatever `access` of the configuration grants. */
export const PERSON_ROLES = ['viewer', 'operator'] as const
export type PersonRole = (typeof PERSON_ROLES)[number]

/** A person who may decide: a person under `people` in the configuration, or a person who logged in with the identity provider. */
export interface Person {
  name: string
  groups: string[]
  /** What this person may do. If absent, the role is `operator`. */
  role?: PersonRole
  /** The SHA-256 of the bearer token, as 64 lower-case hex digits. Absent if this person cannot log in with a token. */
  tokenHash?: string
  /** The e-mail addresses that this person uses in git commits. */
  emails?: string[]
  /** Registered public keys: `ed25519:<base64url>`. */
  keys: string[]
  /** This person's name at the identity provider. Absent if this person cannot log in through it. */
  login?: string
  /** True if the person is not in the configuration, so that the name and groups come from the identity provider. */
  oidc?: true
}

export type People = Record<string, Person>
