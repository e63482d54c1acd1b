/** Somebody who may decide: from the configuration's `people`. */
export interface Person {
  name: string
  groups: string[]
  /** Of the bearer token: `sha256:<64 hex digits>`. */
  tokenHash?: string
  /** Registered public keys: `ed25519:<base64url>`. */
  keys: string[]
}

export type People = Record<string, Person>
