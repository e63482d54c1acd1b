import { Command } from 'commander'
import { readEnvironment } from '../../config/environment.ts'
import { loadConfig } from '../../config/load-config.ts'
import { RunbookError } from '../../core/errors.ts'
import { readAddress } from '../address.ts'
import { signInHint } from '../sign-in-link.ts'
import { isThisMachine } from '../this-machine.ts'
import type { Terminal } from '../terminal.ts'

/**
 * The time limit of the API for the database. It is shorter than the timeout of the command line, so that the command line receives the
 * error "the database does not answer".
 */
const ANSWER_TIMEOUT_MS = 6_000

/** `runbook serve`: runs the HTTP API until it is stopped. */
export function command(terminal: Terminal): Command {
  return new Command('serve')
    .description('Run the HTTP API and the pages until stopped (Ctrl-C or SIGTERM).')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option(
      '--plain-http',
      'serve other machines without encryption, behind a proxy that adds TLS or on a safe network',
    )
    .option('--port <port>', 'port to listen on (default: the port of RUNBOOK_URL, else 8080); 0: any free port')
    .addHelpText('after', '\nExamples:\n  runbook serve\n  runbook serve --port 8081')
    .action(async (options: { host: string; port?: string; plainHttp?: true }) => {
      requireEncryption(options.host, options.plainHttp === true || terminal.env.RUNBOOK_PLAIN_HTTP === '1')
      const [{ openEngine }, { currentEngine, keepReloading }, { startApi }, { untilEnded }] = await Promise.all([
        import('../../engine/engine.ts'),
        import('../../engine/reload.ts'),
        import('../../http/serve.ts'),
        import('../installation/serve-until-ended.ts'),
      ])
      const load = () => loadConfig({ env: terminal.env, cwd: terminal.cwd })
      const config = load()
      const port = parsePort(options.port ?? configuredPort(config.directory, terminal.env))
      const opened = await openEngine(config, { name: 'runbook serve', answerMs: ANSWER_TIMEOUT_MS })
      const engine = currentEngine(opened)
      try {
        const api = await startApi(engine, { host: options.host, port })
        const reloading = keepReloading(engine, { load, log: (line) => terminal.log(`API: ${line}`) })
        terminal.log(`API: ${api.url}`)
        // If this process is a child of "runbook up", its output goes to a log file, which must not contain a link that signs somebody in.
        if (!process.send) terminal.log(`Pages: ${await signInHint({ url: api.url, token: ownToken(terminal) })}`)
        await untilEnded({ url: api.url })
        await reloading.stop()
        await api.close()
      } finally {
        await engine.value.targets.close()
        await opened.close()
      }
    })
}

/**
 * The API has no TLS. On an address that other machines can reach, anybody on the network path could read tokens and use them, so this must
 * be allowed explicitly.
 */
function requireEncryption(host: string, isAccepted: boolean): void {
  if (isAccepted || isThisMachine(host)) return
  throw new RunbookError(
    'RUNBOOK_BAD_INPUT',
    `--host ${host}: other machines would send their tokens over plain HTTP, where they can be read on the network. Serve on 127.0.0.1 behind a proxy with TLS, or add --plain-http (or set RUNBOOK_PLAIN_HTTP=1) if that network is safe.`,
  )
}

/** The token that commands in this folder use; undefined if there is none that may be sent to this address. */
function ownToken({ cwd, env }: Terminal): string | undefined {
  try {
    return readAddress(cwd, env).token
  } catch {
    return undefined
  }
}

const DEFAULT_PORT = '8080'

function configuredPort(directory: string, env: Record<string, string | undefined>): string {
  const { RUNBOOK_URL } = readEnvironment(directory, env).environment
  return (RUNBOOK_URL && URL.canParse(RUNBOOK_URL) && new URL(RUNBOOK_URL).port) || DEFAULT_PORT
}

function parsePort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `--port: ${text} is not a port. Give a number from 0 to 65535.`)
  return port
}
