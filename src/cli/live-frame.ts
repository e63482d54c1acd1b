import type { Terminal } from './terminal.ts'

const HIDE_CURSOR = '\u001b[?25l'
const SHOW_CURSOR = '\u001b[?25h'
const CLEAR_LINE = '\u001b[K'
const CLEAR_BELOW = '\u001b[J'

/**
 * Lines that are drawn again in the same place. They must each fit into the terminal's width, and together into its height:
 * the cursor is moved by counting them. What is printed meanwhile by others would tear the frame.
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
    this.#terminal.draw(`${this.#back()}${HIDE_CURSOR}${body}${CLEAR_BELOW}`)
    this.#drawn = lines.length
  }

  /** Leaves these lines on the screen, which need not fit its height, and the cursor below them. Later frames are not drawn. */
  end(lines: string[]): void {
    this.draw(lines)
    this.#terminal.draw(SHOW_CURSOR)
    this.#ended = true
  }

  #back(): string {
    return this.#drawn === 0 ? '' : `\u001b[${this.#drawn}A\r`
  }
}
