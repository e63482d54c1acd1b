import stringWidth from 'string-width'
import { visibleLine } from '../../core/displayable.ts'

/** A function that styles a text after the text was cut to its width. */
export type Style = (text: string) => string
export type Part = string | readonly [text: string, style: Style]

const SEGMENTER = new Intl.Segmenter()
/**
 * The maximum length of a piece, in UTF-16 code units. The time that Node 20 takes to segment a text grows with the square of its length,
 * so long texts are divided.
 */
const SEGMENTED_AT_ONCE = 1_000

/** The units that are shown as one character each: a letter with its accents, a flag, an emoji with its skin tone. */
function* graphemes(text: string): Generator<string> {
  for (let start = 0; start < text.length;) {
    const segments = [...SEGMENTER.segment(text.slice(start, start + SEGMENTED_AT_ONCE))]
    // The last character of a piece may continue in the next piece.
    if (start + SEGMENTED_AT_ONCE < text.length && segments.length > 1) segments.pop()
    for (const { segment } of segments) {
      yield segment
      start += segment.length
    }
  }
}

/** The text itself, or its beginning and `…`, in at most `columns` columns. A unit that is shown as one character is never split. */
export function cut(text: string, columns: number): string {
  let kept = ''
  let width = 0
  for (const grapheme of graphemes(text)) {
    width += stringWidth(grapheme)
    if (width > columns) return columns < 1 ? '' : `${kept}…`
    if (width < columns) kept += grapheme
  }
  return text
}

export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - stringWidth(text)))
}

/** One line that joins parts, cut to the width. */
export function line(width: number, ...parts: Part[]): string {
  let left = width
  let made = ''
  for (const part of parts) {
    const [text, style] = typeof part === 'string' ? [part, undefined] : part
    const shown = cut(visibleLine(text), left)
    left -= stringWidth(shown)
    made += style && shown !== '' ? style(shown) : shown
  }
  return made.trimEnd()
}

/**
 * The words of a text in lines of at most `columns` columns; a word that is longer is broken. With more than `maxLines` lines, the
 * last one ends in `…`.
 */
export function wrap(text: string, columns: number, maxLines = Infinity): string[] {
  const lines: string[] = []
  let current = ''
  let width = 0
  for (const word of visibleLine(text)
    .split(' ')
    .flatMap((one) => breakWord(one, columns))) {
    const wordWidth = stringWidth(word)
    if (current !== '' && width + 1 + wordWidth > columns) {
      lines.push(current)
      current = ''
    }
    width = current === '' ? wordWidth : width + 1 + wordWidth
    current = current === '' ? word : `${current} ${word}`
  }
  if (current !== '') lines.push(current)
  if (lines.length <= maxLines) return lines
  return [...lines.slice(0, maxLines - 1), cut(`${lines[maxLines - 1]!} …`, columns).replace(/ …$/, '…')]
}

function breakWord(word: string, columns: number): string[] {
  const pieces: string[] = []
  let piece = ''
  let width = 0
  for (const grapheme of graphemes(word)) {
    const graphemeWidth = stringWidth(grapheme)
    if (piece !== '' && width + graphemeWidth > columns) {
      pieces.push(piece)
      piece = ''
      width = 0
    }
    piece += grapheme
    width += graphemeWidth
  }
  return [...pieces, piece]
}

/** Rows in columns that are as wide as their widest cell, with a heading; the last column is cut to the width. */
export function table(headings: string[], rows: string[][], width: number, headingStyle: Style): string[] {
  const cells = rows.map((row) => row.map(visibleLine))
  const columns = headings.map((heading, i) =>
    Math.max(...[heading, ...cells.map((row) => row[i] ?? '')].map((text) => stringWidth(text))),
  )
  const inColumns = (row: string[]) => row.map((cell, i) => pad(cell, columns[i]!)).join('  ')
  return [line(width, [inColumns(headings), headingStyle]), ...cells.map((row) => line(width, inColumns(row)))]
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
