/**
 * The text of a file in UTF-8, or in UTF-16 with a byte order mark. The mark and the end-of-file character of old
 * editors are removed, and a lone carriage return becomes a line break. Bytes that are not UTF-8 become U+FFFD, which
 * `notUtf8` finds.
 */
export function decodeTextFile(bytes: Uint8Array): string {
  return new TextDecoder(encodingOf(bytes))
    .decode(bytes)
    .replace(/\r(?!\n)/g, '\n')
    .replace(/\u001a\s*$/, '')
}

/** The encoding that the byte order mark at the beginning of the file names. */
export function encodingOf([first, second]: Uint8Array): 'utf-8' | 'utf-16le' | 'utf-16be' {
  if (first === 0xff && second === 0xfe) return 'utf-16le'
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8'
}

/** Where and why a text is not readable as UTF-8; undefined if it is readable. */
export function notUtf8(text: string): { index: number; message: string } | undefined {
  const index = text.search(/[\0\ufffd]/)
  if (index < 0) return undefined
  const found =
    text[index] === '\0' ? 'The file has NUL characters: it is probably UTF-16' : 'This character is not UTF-8'
  return { index, message: `${found}. Save the file as UTF-8.` }
}
