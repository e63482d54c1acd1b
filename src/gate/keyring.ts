import { createPrivateKey, createPublicKey, randomBytes, sign, verify, type KeyObject } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose'
import { RunbookError } from '../core/errors.ts'
import type { People } from '../core/person.ts'
import { readClaims, type DecisionClaims } from './decision-schema.ts'

const ALGORITHM = 'EdDSA'
const TYPE = 'runbook-decision+jwt'
const AUDIENCE = 'runbook-gate'
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex')
const SPKI_ED25519 = Buffer.from('302a300506032b6570032100', 'hex')

/** The claims of a verified token. */
export interface SignedClaims {
  claims: DecisionClaims
  /** Whether the token was signed with the person's registered key. */
  isOwnKey: boolean
  /** The public key with which the token was verified. */
  key: string
}

/** Signs decisions with the engine's key; verifies tokens with that key, former keys, and people's registered keys. */
export interface Keyring {
  /** The public form of the key that signs. */
  publicKey: string
  /** The public keys of the engine whose decisions are accepted: the current one and former ones. */
  engineKeys: string[]
  sign(claims: DecisionClaims): Promise<string>
  /**
   * Throws `RUNBOOK_NOT_AUTHENTICATED` for a token that is signed neither by an engine key nor by a key of the token's person, and
   * `RUNBOOK_BAD_INPUT` for a token whose claims are not a valid decision.
   */
  verify(token: string): Promise<DecisionClaims>
  /**
   * Like `verify`, but also returns whether the token was signed with the person's own key or with the engine's key for
   * a person who had logged in.
   */
  examine(token: string): Promise<SignedClaims>
  /** Signs a text with the engine's key. The text must name its purpose, so that the signature cannot be used for another purpose. */
  signText(text: string): string
  /** Whether the engine's key, or a former one, signed this text. */
  verifyText(text: string, signature: string): boolean
}

/** A new private key, in the form that the configuration expects: `ed25519:<base64url of the 32-byte seed>`. */
export function newSigningKey(): string {
  return `ed25519:${randomBytes(32).toString('base64url')}`
}

/** The public form of a private key, as it is registered under `people` and `signing.previous`. */
export function publicKeyOf(privateKey: KeyObject | string): string {
  const key = typeof privateKey === 'string' ? privateKeyOf(privateKey) : privateKey
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  return `ed25519:${spki.subarray(SPKI_ED25519.length).toString('base64url')}`
}

/**
 * The configured keys. `signing.key` signs. `signing.previous` are former public keys, which make it possible to rotate the key while
 * incidents wait.
 */
export function openKeyring(signing: { key: string; previous?: string[] }, people: People): Keyring {
  const privateKey = privateKeyOf(signing.key)
  const publicKey = publicKeyOf(privateKey)
  const engineKeys = [publicKey, ...(signing.previous ?? [])].map(namedKey)
  const examine = async (token: string): Promise<SignedClaims> => {
    const person = personNamedIn(token)
    const personal = Object.hasOwn(people, person) ? people[person]!.keys.map(namedKey) : []
    for (const { name, key } of engineKeys) {
      const claims = await verifiedClaims(token, key)
      if (claims) return { claims: readClaims(claims), isOwnKey: false, key: name }
    }
    for (const { name, key } of personal) {
      const claims = await verifiedClaims(token, key)
      if (claims) return { claims: ownClaims(readClaims(claims)), isOwnKey: true, key: name }
    }
    throw new RunbookError(
      'RUNBOOK_NOT_AUTHENTICATED',
      "the decision is not signed by the engine's key or by a registered key of the person that it names",
    )
  }
  return {
    publicKey,
    engineKeys: engineKeys.map(({ name }) => name),
    sign: (claims) => signClaims(claims, privateKey),
    examine,
    verify: async (token) => (await examine(token)).claims,
    signText: (text) => sign(null, Buffer.from(text), privateKey).toString('base64url'),
    verifyText: (text, signature) =>
      engineKeys.some(({ key }) => verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))),
  }
}

/**
 * Signs a decision with any private key: the engine's, or a person's own. The token names its public key, so that a key which is
 * missing later can be named.
 */
export async function signClaims(claims: DecisionClaims, privateKey: KeyObject | string): Promise<string> {
  const { iat, jti, ...rest } = claims
  const key = typeof privateKey === 'string' ? privateKeyOf(privateKey) : privateKey
  return new SignJWT({ ...rest })
    .setProtectedHeader({ alg: ALGORITHM, typ: TYPE, kid: publicKeyOf(key) })
    .setIssuedAt(iat)
    .setJti(jti)
    .setAudience(AUDIENCE)
    .sign(key)
}

/** The public key that a token names as its signer. Nothing is verified. Undefined for tokens of earlier versions. */
export function signerNamedIn(token: string): string | undefined {
  try {
    const { kid } = decodeProtectedHeader(token)
    return kid !== undefined && /^ed25519:[\w-]{43}$/.test(kid) ? kid : undefined
  } catch {
    return undefined
  }
}

/** The claims of a token that was signed with this public key; undefined if it was not. This says nothing about the owner of the key. */
export async function verifyWithKey(token: string, publicKey: string): Promise<DecisionClaims | undefined> {
  const claims = await verifiedClaims(token, publicKeyFrom(publicKey))
  return claims === undefined ? undefined : readClaims(claims)
}

async function verifiedClaims(token: string, key: KeyObject): Promise<unknown> {
  try {
    const { payload } = await jwtVerify(token, key, { algorithms: [ALGORITHM], typ: TYPE, audience: AUDIENCE })
    const { aud: _, ...claims } = payload
    return claims
  } catch {
    return undefined
  }
}

/** People may not sign claims about their own groups, and a decision is proved by one key. */
function ownClaims(claims: DecisionClaims): DecisionClaims {
  const name = (['groups', 'passkey'] as const).find((one) => claims[one] !== undefined)
  if (name === undefined) return claims
  throw new RunbookError('RUNBOOK_BAD_INPUT', `${name}: only the engine may sign this claim; remove it`)
}

function personNamedIn(token: string): string {
  try {
    return String(decodeJwt(token).person ?? '')
  } catch {
    throw new RunbookError('RUNBOOK_NOT_AUTHENTICATED', 'the decision is not a signed token')
  }
}

function privateKeyOf(text: string): KeyObject {
  return createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, rawKey(text)]), format: 'der', type: 'pkcs8' })
}

function namedKey(name: string): { name: string; key: KeyObject } {
  return { name, key: publicKeyFrom(name) }
}

function publicKeyFrom(text: string): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI_ED25519, rawKey(text)]), format: 'der', type: 'spki' })
}

function rawKey(text: string): Buffer {
  const raw = Buffer.from(text.replace(/^ed25519:/, ''), 'base64url')
  if (!text.startsWith('ed25519:') || raw.length !== 32)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      'a signing key has the form ed25519:<base64url of 32 bytes>; "runbook up" creates one',
    )
  return raw
}
