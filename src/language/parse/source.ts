/** A range of the file, as character offsets from its start; `end` is exclusive. */
export interface Span {
  start: number
  end: number
}

/** The maximum length of a line in a message. Longer lines are cut around the reported place. */
const FRAME_WIDTH = 110

/** The text of one file, with its lines and columns. */
export class Source {
  readonly file: string
  readonly text: string
  /** The offset of each line. They are computed at the first problem, because most files have no problems. */
  private lineStarts: number[] | undefined

  constructor(file: string, text: string) {
    this.file = file
    this.text = text
  }

  /** The line and the column, both counted from 1. */
  position(offset: number): { line: number; column: number } {
    const starts = (this.lineStarts ??= lineStartsOf(this.text))
    const at = Math.min(offset, this.text.length)
    let [low, high] = [0, starts.length - 1]
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (starts[middle]! <= at) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: at - starts[low]! + 1 }
  }

  /** The line with its number, and carets below the place. */
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

function lineStartsOf(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/** Characters that control a terminal or are invisible. */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

function printable(text: string): string {
  return text.replace(UNPRINTABLE, (character) => (character === '\t' ? ' ' : '\u00b7'))
}
