import { createInterface } from 'node:readline'
import pc from 'picocolors'
import { RunbookError } from '../core/errors.ts'

export type Colours = ReturnType<typeof pc.createColors>

/** Where a command reads from and writes to. Tests have their own. */
export interface Terminal {
  /** Data, to stdout; the end of the line is added. */
  print(text: string): void
  /** Everything else, to stderr; the end of the line is added. */
  say(text: string): void
  /** Raw text to stdout, for a frame that is redrawn. */
  draw(text: string): void
  /** A person can be asked: stdin and stdout are terminals. */
  readonly interactive: boolean
  /** Stdout is a terminal: a frame can be redrawn in place. */
  readonly live: boolean
  /** Columns and lines of stdout; 80 and 24 where it is none. */
  readonly width: number
  readonly height: number
  /** For stdout; without effect in a pipe and under NO_COLOR. */
  readonly colours: Colours
  readonly env: Record<string, string | undefined>
  readonly cwd: string
  /** Asks on stderr and answers what was typed; null when the input ended or Ctrl-C was pressed. */
  ask(question: string): Promise<string | null>
  /** What stands on stdin, to its end; at most `limit` characters. */
  readAll(limit: number): Promise<string>
  /** Calls back on Ctrl-C, SIGTERM or a terminal that is closed, instead of ending; returns what takes that back. */
  onInterrupt(handle: () => void): () => void
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process
  const live = stdout.isTTY === true && env.TERM !== 'dumb'
  // Who reads a pipe may stop before the end (`| head`): that is no error of ours, and nobody is left to write for.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    throw error
  })
  return {
    print: (text) => void stdout.write(`${text}\n`),
    say: (text) => void stderr.write(`${text}\n`),
    draw: (text) => void stdout.write(text),
    interactive: stdin.isTTY === true && stdout.isTTY === true,
    live,
    get width() {
      return stdout.columns || 80
    },
    get height() {
      return stdout.rows || 24
    },
    colours: pc.createColors(live && !env.NO_COLOR),
    env,
    cwd: process.cwd(),
    ask,
    readAll,
    onInterrupt,
  }
}

function ask(question: string): Promise<string | null> {
  return new Promise((resolve) => {
    const reader = createInterface({ input: process.stdin, output: process.stderr })
    reader.on('close', () => resolve(null))
    reader.on('SIGINT', () => {
      process.stderr.write('\n')
      reader.close()
    })
    reader.question(question, (answer) => {
      resolve(answer)
      reader.close()
    })
  })
}

async function readAll(limit: number): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (text.length > limit)
      throw new RunbookError('RUNBOOK_BAD_INPUT', `what stands on stdin is longer than ${limit} characters`)
  }
  return text
}

function onInterrupt(handle: () => void): () => void {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, handle)
  return () => {
    for (const signal of signals) process.off(signal, handle)
  }
}
