/** Said of a text that `isStorable` refuses. */
export const NOT_STORABLE = 'must not hold NUL or half of a surrogate pair'

/**
 * Whether a text can be stored and read again to the letter: PostgreSQL takes no NUL, and UTF-8 holds no half of a surrogate pair, which
 * would come back as another text than the one that was signed or digested.
 */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** A text from anywhere with what cannot be stored replaced. */
export function toStorable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed()
}

/** At most so many characters of a text, and no half of one at the end. */
export function cutText(text: string, most: number): string {
  return text.slice(0, most).replace(/[\uD800-\uDBFF]$/, '')
}
