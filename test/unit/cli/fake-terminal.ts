import pc from 'picocolors'
import type { Terminal } from '../../../src/cli/terminal.ts'

export interface FakeTerminal extends Terminal {
  /** What was written to stdout and stderr. */
  out: string
  err: string
  /** The questions that the command asked. */
  asked: string[]
  /** Presses Ctrl-C. */
  interrupt(): void
}

/** A pipe without a terminal, unless `other` overrides that. */
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
    log(text) {
      this.err += `${text}\n`
    },
    draw(text) {
      this.out += text
    },
    async ask(question) {
      this.asked.push(question)
      return answers.shift() ?? null
    },
    readStdin: async () => stdin,
    onInterrupt(handle) {
      handlers.add(handle)
      return () => handlers.delete(handle)
    },
    interrupt: () => handlers.forEach((handle) => handle()),
    ...rest,
  }
}
