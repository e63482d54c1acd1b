import { createInterface } from 'node:readline'
import pc from 'picocolors'
import { RunbookError } from '../core/errors.ts'

export type Colours = ReturnType<typeof pc.createColors>

/** Where a command reads and writes. Tests pass a fake one. */
export interface Terminal {
  /** Writes data to stdout, with a line break at the end. */
  print(text: string): void
  /** Writes a message to stderr, with a line break at the end. */
  log(text: string): void
  /** Writes raw text to stdout, for a frame that is redrawn. */
  draw(text: string): void
  /** Whether stdin and stdout are terminals, so that questions can be asked. */
  readonly interactive: boolean
  /** Whether stdout is a terminal, so that a frame can be redrawn in place. */
  readonly live: boolean
  /** Columns and lines of stdout; 80 and 24 if it is not a terminal. */
  readonly width: number
  readonly height: number
  /** The colours for stdout. They have no effect in a pipe or if NO_COLOR is set. */
  readonly colours: Colours
  readonly env: Record<string, string | undefined>
  readonly cwd: string
  /** That the API which answered has another version, as it was reported; undefined if it has the same. */
  versionMismatch?: string | undefined
  /** Asks on stderr and returns the typed answer; null when the input ended or Ctrl-C was pressed. */
  ask(question: string): Promise<string | null>
  /** Reads stdin to its end; throws `RUNBOOK_BAD_INPUT` beyond `limit` characters. */
  readStdin(limit: number): Promise<string>
  /** Calls `handle` on Ctrl-C, SIGTERM or SIGHUP instead of ending the process; returns a function that removes the handler. */
  onInterrupt(handle: () => void): () => void
}

/** Without this listener, a full disk or a closed log would end the API or the worker; with it, only log lines are lost. */
export function ignoreFullDisk(error: NodeJS.ErrnoException): void {
  if (!['ENOSPC', 'EDQUOT', 'EIO'].includes(error.code ?? '')) throw error
}

export function processTerminal(): Terminal {
  const { stdin, stdout, stderr, env } = process
  const live = stdout.isTTY === true && env.TERM !== 'dumb'
  // The reader of a pipe may stop early (`| head`). That is not an error.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit()
    ignoreFullDisk(error)
  })
  stderr.on('error', ignoreFullDisk)
  return {
    print: (text) => void stdout.write(`${text}\n`),
    log: (text) => void stderr.write(`${text}\n`),
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
    readStdin,
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

async function readStdin(limit: number): Promise<string> {
  let text = ''
  process.stdin.setEncoding('utf8')
  for await (const chunk of process.stdin) {
    text += String(chunk)
    if (text.length > limit)
      throw new RunbookError('RUNBOOK_BAD_INPUT', `the text on stdin is longer than ${limit} characters. Shorten it.`)
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
