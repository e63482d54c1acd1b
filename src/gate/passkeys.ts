import { createHash } from 'node:crypto'
import { verifyAuthenticationResponse } from '@simplewebauthn/server'
import { canonical } from '../core/canonical.ts'
import { messageOf } from '../core/errors.ts'
import type { Strength } from '../core/strength.ts'
import type { Queryable } from '../history/database.ts'
import type { DecisionClaims } from './decision-schema.ts'
import type { Keyring, SignedClaims } from './keyring.ts'

/** A stored passkey. Its `signature` says that the engine registered this public key for this person. */
export interface Passkey {
  /** The credential id, as base64url. */
  id: string
  person: string
  /** The public key in COSE form, as base64url. */
  publicKey: string
  /** The address of the pages at which it was registered, such as `https://runbooks.example.com`. */
  origin: string
  signature: string
  transports: string[]
  label: string
  signCount: number
  createdAt: Date
  lastUsedAt: Date | null
  removedAt: Date | null
}

type RawPasskey = Omit<Passkey, 'signCount'> & { signCount: string }

const COLUMNS = `id, person, public_key AS "publicKey", origin, signature, transports, label, sign_count AS "signCount",
  created_at AS "createdAt", last_used_at AS "lastUsedAt", removed_at AS "removedAt"`

/** Also returns a passkey that was removed. */
export async function readPasskey(db: Queryable, id: string): Promise<Passkey | undefined> {
  const found = await db.query<RawPasskey>(`SELECT ${COLUMNS} FROM runbook.passkeys WHERE id = $1`, [id])
  return found.rows.map(passkeyOf)[0]
}

/** The passkeys of a person that were not removed, the oldest first. */
export async function passkeysOf(db: Queryable, person: string): Promise<Passkey[]> {
  const found = await db.query<RawPasskey>(
    `SELECT ${COLUMNS} FROM runbook.passkeys WHERE person = $1 AND removed_at IS NULL ORDER BY created_at, id`,
    [person],
  )
  return found.rows.map(passkeyOf)
}

/** The passkeys among `ids` that their people have removed. */
export async function removedPasskeys(db: Queryable, ids: string[]): Promise<ReadonlySet<string>> {
  if (ids.length === 0) return new Set()
  const found = await db.query<{ id: string }>(
    'SELECT id FROM runbook.passkeys WHERE id = ANY ($1) AND removed_at IS NOT NULL',
    [ids],
  )
  return new Set(found.rows.map(({ id }) => id))
}

function passkeyOf(row: RawPasskey): Passkey {
  return { ...row, signCount: Number(row.signCount) }
}

/** The text that the engine signs when a person registers a passkey. */
export function registrationText({ id, person, publicKey, origin }: Omit<Passkey, 'signature'> | NewPasskey): string {
  return `runbook-passkey\n${canonical({ id, person, publicKey, origin })}`
}

export type NewPasskey = Pick<Passkey, 'id' | 'person' | 'publicKey' | 'origin'>

/**
 * What a passkey signs: everything that a decision is about. `jti` is new for each attempt and is used once, so a signature cannot be
 * used for a second decision.
 */
export function passkeyChallenge(
  claims: Pick<DecisionClaims, 'gate' | 'proposalDigest' | 'decision' | 'targets' | 'breakGlass' | 'person' | 'jti'>,
): string {
  const { gate, proposalDigest, decision, targets, breakGlass = null, person, jti } = claims
  const about = {
    gate,
    proposalDigest,
    decision,
    targets: targets ? targets.toSorted() : null,
    breakGlass,
    person,
    jti,
  }
  return createHash('sha256')
    .update(`runbook-decision\n${canonical(about)}`)
    .digest('base64url')
}

/**
 * Why the passkey's signature in these claims does not prove the decision; undefined if it does. Everything is computed from the stored
 * public key, nothing is asked of the browser again. `after`: the count of earlier signatures of this passkey, for a new decision.
 */
export async function whyNotSigned(
  claims: DecisionClaims,
  passkey: Passkey | undefined,
  after = 0,
): Promise<string | undefined> {
  const { id, ...signed } = claims.passkey!
  if (!passkey || passkey.person !== claims.person) return `${claims.person} has not registered this passkey`
  if (isCrossOrigin(signed.clientDataJSON)) return 'the passkey was used inside a page of another site'
  try {
    const { verified } = await verifyAuthenticationResponse({
      response: { id, rawId: id, type: 'public-key', response: signed, clientExtensionResults: {} },
      expectedChallenge: passkeyChallenge(claims),
      expectedOrigin: passkey.origin,
      expectedRPID: new URL(passkey.origin).hostname,
      credential: { id, publicKey: new Uint8Array(Buffer.from(passkey.publicKey, 'base64url')), counter: after },
      requireUserVerification: true,
    })
    return verified ? undefined : "the passkey's signature is not valid"
  } catch (error) {
    return `the passkey's signature is not valid: ${messageOf(error)}`
  }
}

function isCrossOrigin(clientDataJSON: string): boolean {
  try {
    const read: unknown = JSON.parse(Buffer.from(clientDataJSON, 'base64url').toString())
    return (read as { crossOrigin?: unknown }).crossOrigin === true
  } catch {
    return false
  }
}

/** A signed decision with the strength of its proof. */
export interface ProvenClaims extends SignedClaims {
  strength: Strength
}

/**
 * Returns how a signed decision is proved. If it names a passkey that does not prove it, for example one that was removed, returns the
 * reason as a text.
 */
export async function prove(
  db: Queryable,
  keyring: Keyring,
  signed: SignedClaims,
  use: 'new' | 'stored',
): Promise<ProvenClaims | string> {
  const named = signed.claims.passkey
  if (named === undefined) return { ...signed, strength: signed.isOwnKey ? 'signed' : 'login' }
  // The lock makes a second new decision wait, so that it is compared with the count of signatures that the first one stored.
  if (use === 'new') await db.query('SELECT FROM runbook.passkeys WHERE id = $1 FOR UPDATE', [named.id])
  const passkey = await readPasskey(db, named.id)
  if (passkey?.removedAt)
    return `${signed.claims.person} has removed the passkey that signed this decision: decide again with a registered passkey`
  if (passkey && !keyring.verifyText(registrationText(passkey), passkey.signature))
    return 'the passkey was not registered by this engine: register it again'
  const why = await whyNotSigned(signed.claims, passkey, use === 'new' ? passkey?.signCount : 0)
  return why ?? { ...signed, strength: 'passkey' }
}

/** Counts a signature, so that a copy of the passkey is noticed, and renews the engine's signature after a rotation of its key. */
export async function countUse(db: Queryable, keyring: Keyring, { passkey: named }: DecisionClaims): Promise<void> {
  const passkey = named && (await readPasskey(db, named.id))
  if (!passkey) return
  const count = Buffer.from(named.authenticatorData, 'base64url').readUInt32BE(SIGN_COUNT_AT)
  await db.query(
    'UPDATE runbook.passkeys SET sign_count = $2, last_used_at = clock_timestamp(), signature = $3 WHERE id = $1',
    [passkey.id, count, keyring.signText(registrationText(passkey))],
  )
}

/** Where the authenticator's data has the count: after the hash of the site's name (32 bytes) and the flags (1 byte). */
const SIGN_COUNT_AT = 33
