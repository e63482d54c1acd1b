import type { Terminal } from './terminal.ts'

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * Lines that are redrawn in the same place. Each line must fit the width of the terminal, and all lines together its height, because the
 * cursor is moved up by the number of lines. Other output between two frames would break the frame.
 */
export class LiveFrame {
  readonly #terminal: Pick<Terminal, 'draw'>
  #drawn = 0
  #ended = false

  constructor(terminal: Pick<Terminal, 'draw'>) {
    this.#terminal = terminal
  }

  draw(lines: string[]): void {
    if (this.#ended) return
    const body = lines.map((text) => `${text}${CLEAR_LINE}\n`).join('')
    this.#terminal.draw(`${this.#moveUp()}${HIDE_CURSOR}${body}${CLEAR_BELOW}`)
    this.#drawn = lines.length
  }

  /** Draws the last frame, which may be higher than the terminal, and shows the cursor below it. Later frames are not drawn. */
  end(lines: string[]): void {
    this.draw(lines)
    this.#terminal.draw(SHOW_CURSOR)
    this.#ended = true
  }

  #moveUp(): string {
    return this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\r`
  }
}
