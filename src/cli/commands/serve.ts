import { Command } from 'commander'
import { readEnvironment } from '../../config/environment.ts'
import { loadConfig } from '../../config/load-config.ts'
import { RunbookError } from '../../core/errors.ts'
import type { Terminal } from '../terminal.ts'

/** Well before the command line stops waiting for us: it shall hear that it is the database which does not answer. */
const ANSWER_MS = 6_000

/** `runbook serve`: the HTTP API until it is stopped. */
export function command(terminal: Terminal): Command {
  return new Command('serve')
    .description('Serves the HTTP API until it is stopped.')
    .option('--host <host>', 'where to listen', '127.0.0.1')
    .option('--port <port>', 'default: the one in RUNBOOK_URL, else 8080; 0 takes a free one')
    .action(async (options: { host: string; port?: string }) => {
      const [{ openEngine }, { startApi }, { untilEnded }] = await Promise.all([
        import('../../engine/engine.ts'),
        import('../../http/serve.ts'),
        import('../installation/serve-until-ended.ts'),
      ])
      const config = loadConfig({ env: terminal.env, cwd: terminal.cwd })
      const port = portOf(options.port ?? configuredPort(config.directory, terminal.env))
      const engine = await openEngine(config, { name: 'runbook serve', answerMs: ANSWER_MS })
      try {
        const api = await startApi(engine, { host: options.host, port })
        terminal.say(`API: ${api.url}`)
        await untilEnded({ url: api.url })
        await api.close()
      } finally {
        await engine.close()
      }
    })
}

const DEFAULT_PORT = '8080'

function configuredPort(directory: string, env: Record<string, string | undefined>): string {
  const { RUNBOOK_URL } = readEnvironment(directory, env).environment
  return (RUNBOOK_URL && URL.canParse(RUNBOOK_URL) && new URL(RUNBOOK_URL).port) || DEFAULT_PORT
}

function portOf(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `--port ${text} is not a port number`)
  return port
}
