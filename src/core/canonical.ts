import canonicalizeRfc8785 from 'canonicalize'
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import type { Json } from './json.ts'

// The package's types describe its CommonJS form; under nodenext the default import arrives as the module object.
const serialize = canonicalizeRfc8785 as unknown as (value: unknown) => string | undefined

/** Canonical JSON text (RFC 8785): the same value always gives the same text. Throws TypeError for undefined, NaN and BigInt. */
export function canonical(value: Json): string {
  const text = serialize(value)
  if (text === undefined) throw new TypeError('not a JSON value')
  return text
}

/** SHA-256 of a text (UTF-8), as 64 lower-case hex digits. */
export function sha256Hex(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)))
}

/** Digest of a JSON value: SHA-256 over its canonical text. */
export function digest(value: Json): string {
  return sha256Hex(canonical(value))
}

/** Whether two JSON values are the same; the order of properties does not matter. Throws like `canonical`. */
export function isSameJson(one: unknown, other: unknown): boolean {
  return canonical(one as Json) === canonical(other as Json)
}
