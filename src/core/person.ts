/** A person who may decide: from `people` in the configuration, or logged in with the identity provider. */
export interface Person {
  name: string
  groups: string[]
  /** SHA-256 of the bearer token, 64 lower-case hex digits; absent: no login with a token. */
  tokenHash?: string
  /** E-mail addresses by which git names this person. */
  emails?: string[]
  /** Registered public keys: `ed25519:<base64url>`. */
  keys: string[]
  /** This person's name at the identity provider; absent: no login through it. */
  login?: string
  /** Not in the configuration: name and groups come from the identity provider. */
  oidc?: true
}

export type People = Record<string, Person>
