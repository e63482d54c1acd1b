import { z } from 'zod'
import { parseDuration } from '../core/duration.ts'
import { plain } from './plain.ts'
import { withoutReferences } from './secret.ts'

/** The kinds of texts that fields of `runbook.config.yaml` hold. */

export const secret = z.string().min(1).refine(wellFormed, 'write a reference as ${NAME}')

export const address = secret.refine(
  (text) => !hasLiteralPassword(text),
  'this file must not contain passwords: put the address into the environment or .runbook/env, and write ${NAME} here',
)

export const reference = secret.refine(
  (text) => withoutReferences(text) === '',
  'this is a secret: put it into the environment or .runbook/env, and write ${NAME} here',
)

export const publicKey = plain.refine(
  (text) => /^ed25519:[A-Za-z0-9_-]{43}$/.test(text),
  'write the public key as "runbook doctor" shows it: ed25519: and 43 characters',
)

export const names = z.record(
  plain.regex(/^[a-z0-9][a-z0-9._-]*$/i, 'use letters, digits, ".", "_", "-"'),
  z.unknown(),
).keyType
export const duration = plain.refine(
  (text) => parseDuration(text) !== undefined,
  'write a duration such as 30s, 15m, 24h',
)

function wellFormed(text: string): boolean {
  return !withoutReferences(text).includes('${')
}

/** `scheme://user:password@host` or `?password=` where the password is not exactly one reference. */
function hasLiteralPassword(text: string): boolean {
  const left = withoutReferences(text, '\u0000')
  const inAuthority = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*?:([^/?#]*)@/i.exec(left)?.[1]
  const inQuery = /[?&](?:password|sslpassword|token|key)=([^&#]*)/i.exec(left)?.[1]
  return [inAuthority, inQuery].some((password) => password !== undefined && !['', '\u0000'].includes(password))
}
