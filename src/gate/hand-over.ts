import type { Keyring } from './keyring.ts'

/**
 * How long a process keeps signing with the former key after it read a new one. Every process looks for changed files each second, but
 * files that are copied to several machines, such as mounted ConfigMaps, arrive there up to two minutes apart. All processes must know
 * the new key when the first decision is signed with it.
 */
export const HAND_OVER_MS = 180_000

/**
 * The keyring of a process that has read another signing key: it verifies with the new keys at once, and signs with the former key for a
 * while. If the former key is not one of `previous`, it is not to be used any more, so the new key signs at once.
 */
export function handOver(
  former: Keyring,
  next: Keyring,
  previous: string[],
  now: () => number = () => performance.now(),
): Keyring {
  const { publicKey } = former
  if (publicKey === next.publicKey || !previous.includes(publicKey)) return next
  const until = now() + HAND_OVER_MS
  const signer = () => (now() < until ? former : next)
  return {
    ...next,
    get publicKey() {
      return signer().publicKey
    },
    sign: (claims) => signer().sign(claims),
    signText: (text) => signer().signText(text),
  }
}
