import type { LineCounter } from 'yaml'

/** A stretch of the file, in characters from its begin; `end` is not part of it. */
export interface Span {
  start: number
  end: number
}

/** Longer lines are cut around the place in question. */
const FRAME_WIDTH = 110

/** One runbook's text, with lines and columns. */
export class Source {
  readonly file: string
  readonly text: string
  private readonly lines: LineCounter

  constructor(file: string, text: string, lines: LineCounter) {
    this.file = file
    this.text = text
    this.lines = lines
  }

  position(offset: number): { line: number; column: number } {
    const { line, col } = this.lines.linePos(Math.min(offset, this.text.length))
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }

  /** The line with its number, and carets beneath the place. */
  frame(at: Span): string {
    const { line, column } = this.position(at.start)
    const begin = at.start - (column - 1)
    const next = this.text.indexOf('\n', begin)
    const whole = this.text.slice(begin, next < 0 ? undefined : next).replace(/\r$/, '')
    const cut = Math.max(0, column - 1 - FRAME_WIDTH / 2)
    const shown = printable(whole.slice(cut, cut + FRAME_WIDTH))
    const width = Math.max(1, Math.min(at.end - at.start, whole.length - (column - 1), FRAME_WIDTH / 2))
    const number = String(line).padStart(5)
    return `${number} | ${shown}\n      | ${' '.repeat(column - 1 - cut)}${'^'.repeat(width)}`
  }
}

/** What a terminal would obey or not show. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === '\t' ? ' ' : '\u00b7'))
}
