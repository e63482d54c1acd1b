import { z } from 'zod'
import { sha256Hex } from '../../core/canonical.ts'
import { signerNamedIn, verifyWithKey, type Keyring } from '../../gate/keyring.ts'
import type { DecisionClaims } from '../../gate/decision-schema.ts'
import type { Queryable } from '../../history/database.ts'

/**
 * The decisions that were signed with another key than the engine's current one, grouped by the public key that verified them: the id of
 * each token and the SHA-256 of the token. Because a checkpoint holds them, an old key does not have to stay configured for ever.
 */
export const earlierSignatures = z.array(
  z.strictObject({ key: z.string(), decisions: z.array(z.tuple([z.string(), z.string()])) }),
)
export type EarlierSignatures = z.infer<typeof earlierSignatures>

/** The decisions, by the id of their token. */
export type Vouched = ReadonlyMap<string, { key: string; digest: string }>

export function vouchedFor(signatures: EarlierSignatures = []): Vouched {
  return new Map(
    signatures.flatMap(({ key, decisions }) => decisions.map(([jti, digest]) => [jti, { key, digest }] as const)),
  )
}

/**
 * Returns the claims of a token for which a checkpoint vouches; undefined if it does not. The checkpoint must list exactly this token. The
 * key alone would not be enough, because a key that is no longer in use may be known to others.
 */
export async function vouchedClaims(vouched: Vouched, jti: string, token: string): Promise<DecisionClaims | undefined> {
  const listed = vouched.get(jti)
  if (!listed || listed.digest !== sha256Hex(token)) return undefined
  return verifyWithKey(token, listed.key)
}

const PAGE = 1_000

/**
 * Verifies the decisions that the engine's current key did not sign: with the keys of the configuration, or against the list of an earlier
 * checkpoint. `unverified`: how many decisions could not be verified in either way.
 */
export async function collectSignatures(
  db: Queryable,
  keyring: Keyring,
  before: Vouched,
): Promise<{ signatures: EarlierSignatures; unverified: number }> {
  const byKey = new Map<string, [string, string][]>()
  let unverified = 0
  for (let after = ''; ;) {
    const page = await db.query<{ jti: string; token: string }>(
      'SELECT jti, token FROM runbook.decisions WHERE jti > $1 ORDER BY jti LIMIT $2',
      [after, PAGE],
    )
    for (const { jti, token } of page.rows) {
      const key = await keyOf(keyring, before, jti, token)
      if (key === undefined) unverified += 1
      if (key === undefined || key === keyring.publicKey) continue
      if (!byKey.has(key)) byKey.set(key, [])
      byKey.get(key)!.push([jti, sha256Hex(token)])
    }
    const last = page.rows.at(-1)
    if (!last || page.rows.length < PAGE) break
    after = last.jti
  }
  return { signatures: [...byKey].map(([key, decisions]) => ({ key, decisions })), unverified }
}

async function keyOf(keyring: Keyring, before: Vouched, jti: string, token: string): Promise<string | undefined> {
  // A token that names the current key is not listed, because the current key itself verifies such tokens.
  if (signerNamedIn(token) === keyring.publicKey) return keyring.publicKey
  const examined = await keyring.examine(token).catch(() => undefined)
  if (examined?.claims.jti === jti) return examined.key
  return (await vouchedClaims(before, jti, token)) ? before.get(jti)!.key : undefined
}
