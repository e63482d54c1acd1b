/** Somebody who may decide: from the configuration's `people`, or logged in at the identity provider. */
export interface Person {
  name: string
  groups: string[]
  /** SHA-256 of the bearer token, 64 lower-case hex digits; absent: nobody can log in by this name. */
  tokenHash?: string
  /** Registered public keys: `ed25519:<base64url>`. */
  keys: string[]
  /** This person's name at the identity provider; absent: nobody comes from there by this name. */
  login?: string
  /** Not in the configuration: the identity provider vouches for the name and the groups. */
  oidc?: true
}

export type People = Record<string, Person>
