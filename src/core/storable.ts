/** The end of messages about a text that `isStorable` refuses. */
export const NOT_STORABLE = 'must not contain NUL or lone surrogates'

/**
 * Whether a text can be stored and read back unchanged. PostgreSQL refuses NUL, and UTF-8 cannot encode a lone surrogate, so the stored
 * text would differ from the text that was signed or digested.
 */
export function isStorable(text: string): boolean {
  return !text.includes('\0') && text.isWellFormed()
}

/** Returns the text with every character replaced that cannot be stored. */
export function toStorable(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed()
}

/** The first `max` characters of a text, without a lone surrogate at the end. */
export function cutText(text: string, max: number): string {
  return text.slice(0, max).replace(/[\uD800-\uDBFF]$/, '')
}
