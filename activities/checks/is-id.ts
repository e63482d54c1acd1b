/** The characters that Kubernetes uses in the hashes of pod names: neither vowels nor the digits 0, 1 and 3. */
const POD = '[bcdfghjklmnpqrstvwxz2456789]' // cspell:disable-line
/**
 * The end of a pod's name: the hash and suffix of a deployment, the time and suffix of a cron job, or only a suffix that contains a digit.
 */
const POD_SUFFIX = new RegExp(
  `-(?:${POD}{8,10}-${POD}{5}|\\d{8}-[a-z0-9]{5}|(?=[a-z]*\\d[a-z0-9]*[a-z])[a-z0-9]{8,10}-[a-z0-9]{5}|(?=[a-z]*\\d+[a-z])${POD}{5})$`,
)

/** Returns the word with the part that differs between jobs replaced by `<id>`; unchanged if there is no such part. */
export function replaceIdsInWord(word: string): string {
  if (isId(word)) return '<id>'
  const pod = POD_SUFFIX.exec(word)
  if (pod && pod.index > 0) return `${word.slice(0, pod.index)}-<id>`
  // In `ord_8fK2xQ` or `job-01J9Z…`, the prefix says what the word identifies, so it is kept.
  const prefixed = /^([A-Za-z]{2,12}[_-](?:live[_-]|test[_-])?)([A-Za-z0-9]{4,})$/.exec(word)
  if (prefixed && isRandom(prefixed[2]!)) return `${prefixed[1]}<id>`
  // A separated part of an identifier is replaced too, as in `step-01J9ZQ4X5E-retry`.
  if (/[_-]/.test(word)) return word.replace(/[A-Za-z0-9]{7,}/g, (part) => (isId(part) ? '<id>' : part))
  return word
}

/** Whether the word is a UUID without dashes, an ObjectId, a hex digest, a ULID, cuid, cuid2, ksuid, nanoid or another long random word. */
function isId(word: string): boolean {
  if (/^(?:0x)?[0-9a-f]{7,}$/i.test(word)) return /\d/.test(word) && /[a-z]/i.test(word)
  if (/^[0-9A-HJKMNP-TV-Z]{26}$/i.test(word)) return (word.match(/\d/g) ?? []).length >= 2
  if (/^c[a-z0-9]{24}$/.test(word)) return /\d/.test(word)
  if (/^[A-Za-z]{16,}$/.test(word)) return lonelySmallLetters(word) >= 2
  if (/^[A-Za-z0-9]{6,}$/.test(word)) return changesOf(word) >= 3
  return word.length >= 20 && word.length <= 22 && /[A-Z]/.test(word) && /[a-z]/.test(word) && /\d/.test(word)
}

/** Whether the part after a prefix is an id, such as `8fK2xQ`, `abc123`, `3Mtw` and `1a2b`, but not `node2`. */
function isRandom(part: string): boolean {
  if (/^[A-Za-z]{10,}$/.test(part)) return lonelySmallLetters(part) >= 1
  if (!/[A-Za-z]/.test(part) || !/\d/.test(part)) return false
  return changesOf(part) >= 2 || (part.length > 4 && (/^\d/.test(part) || /\d{3}/.test(part)))
}

/**
 * The number of single lower-case characters between two capitals, as in `FeU`. Names such as `getUserById` have none.
 */
function lonelySmallLetters(word: string): number {
  return (word.match(/[A-Z][a-z](?=[A-Z])/g) ?? []).length
}

/** How often a word changes between letters and digits. A name changes at most twice, such as `base64Encoded`. */
function changesOf(word: string): number {
  return [...word].filter((_, i) => i > 0 && isDigit(word, i) !== isDigit(word, i - 1)).length
}

function isDigit(word: string, i: number): boolean {
  const code = word.charCodeAt(i)
  return code >= 48 && code <= 57
}
