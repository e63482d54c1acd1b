import pc from 'picocolors'
import type { Terminal } from '../../../src/cli/terminal.ts'

export interface FakeTerminal extends Terminal {
  /** What went to stdout and to stderr. */
  out: string
  err: string
  /** What was asked. */
  asked: string[]
  /** Presses Ctrl-C. */
  interrupt(): void
}

/** A terminal without one: a pipe, unless `other` says that a person sits before it. */
export function fakeTerminal(
  other: Partial<Terminal> & { answers?: (string | null)[]; stdin?: string } = {},
): FakeTerminal {
  const { answers = [], stdin = '', ...rest } = other
  const handlers = new Set<() => void>()
  return {
    out: '',
    err: '',
    asked: [],
    interactive: false,
    live: false,
    width: 80,
    height: 24,
    colours: pc.createColors(false),
    env: {},
    cwd: '/nowhere',
    print(text) {
      this.out += `${text}\n`
    },
    say(text) {
      this.err += `${text}\n`
    },
    draw(text) {
      this.out += text
    },
    async ask(question) {
      this.asked.push(question)
      return answers.shift() ?? null
    },
    readAll: async () => stdin,
    onInterrupt(handle) {
      handlers.add(handle)
      return () => handlers.delete(handle)
    },
    interrupt: () => handlers.forEach((handle) => handle()),
    ...rest,
  }
}
