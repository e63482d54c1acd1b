import { visibleLine } from '../../core/displayable.ts'

/** Text with a style that is put on after it was cut to its width. */
export type Style = (text: string) => string
export type Part = string | readonly [text: string, style: Style]

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const NARROWEST = /\p{Mn}|\p{Me}/u

/** Columns that a plain text takes. */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += NARROWEST.test(character) ? 0 : WIDE.test(character) ? 2 : 1
  return width
}

/** The text itself, or its beginning and `…`, in at most so many columns. */
export function cut(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text
  let kept = ''
  let width = 0
  for (const character of text) {
    width += displayWidth(character)
    if (width > columns - 1) break
    kept += character
  }
  return columns < 1 ? '' : `${kept}…`
}

export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - displayWidth(text)))
}

/** One line of parts, cut to the width. */
export function line(width: number, ...parts: Part[]): string {
  let left = width
  let made = ''
  for (const part of parts) {
    const [text, style] = typeof part === 'string' ? [part, undefined] : part
    const shown = cut(visibleLine(text), left)
    left -= displayWidth(shown)
    made += style && shown !== '' ? style(shown) : shown
  }
  return made.trimEnd()
}

/** Words in lines of at most so many columns; a word that is longer is broken. At most `most` lines, the last one then ends in `…`. */
export function wrap(text: string, columns: number, most = Infinity): string[] {
  const lines: string[] = []
  let current = ''
  for (const word of visibleLine(text)
    .split(' ')
    .flatMap((one) => broken(one, columns))) {
    if (current !== '' && displayWidth(current) + 1 + displayWidth(word) > columns) {
      lines.push(current)
      current = word
    } else current = current === '' ? word : `${current} ${word}`
  }
  if (current !== '') lines.push(current)
  if (lines.length <= most) return lines
  return [...lines.slice(0, most - 1), cut(`${lines[most - 1]!} …`, columns).replace(/ …$/, '…')]
}

function broken(word: string, columns: number): string[] {
  const pieces: string[] = ['']
  for (const character of word) {
    if (displayWidth(pieces.at(-1)! + character) > columns) pieces.push('')
    pieces[pieces.length - 1] += character
  }
  return pieces
}

/** Rows in columns that are as wide as their widest cell, with a heading; the last column is cut to the width. */
export function table(headings: string[], rows: string[][], width: number, headingStyle: Style): string[] {
  const cells = rows.map((row) => row.map(visibleLine))
  const columns = headings.map((heading, i) =>
    Math.max(...[heading, ...cells.map((row) => row[i] ?? '')].map(displayWidth)),
  )
  const inColumns = (row: string[]) => row.map((cell, i) => pad(cell, columns[i]!)).join('  ')
  return [line(width, [inColumns(headings), headingStyle]), ...cells.map((row) => line(width, inColumns(row)))]
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
