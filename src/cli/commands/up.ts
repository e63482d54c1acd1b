import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { readEnvironmentFile } from '../installation/environment-file.ts'
import { RunbookError } from '../../core/errors.ts'
import { projectDirectory } from '../address.ts'
import { signInHint } from '../sign-in-link.ts'
import { npxHint } from '../start-command.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook up`: runs everything on this machine until it is stopped. */
export function command(terminal: Terminal): Command {
  return new Command('up')
    .description(
      "Start PostgreSQL, Redis, Temporal, the worker and the API on this machine, and run them until Ctrl-C. Run it in the folder with runbook.config.yaml. Data, logs and secrets are in .runbook/. If the configuration names a variable for the signing key, a person's token or the password of an alert source, and the variable is not set, a value is created and written to .runbook/env.",
    )
    .option('--maestro', 'also start Maestro, the example system')
    .addOption(
      new Option(
        '--only <part>',
        'engine: restart the worker and the API of the "runbook up" that runs in this folder; PostgreSQL, Redis and Temporal keep running',
      )
        .choices(['engine'])
        .conflicts('maestro'),
    )
    .addHelpText('after', '\nExamples:\n  runbook up\n  runbook up --maestro\n  runbook up --only engine')
    .action(async (options: { maestro?: boolean; only?: 'engine' }) => {
      if (options.only === 'engine') return restartEngine(terminal)
      const [{ startInstallation }, { takeRequests }, { readRunningStack }, { untilEnded }] = await Promise.all([
        import('../installation/start-installation.ts'),
        import('../installation/control.ts'),
        import('../../stack/stack-file.ts'),
        import('../installation/serve-until-ended.ts'),
      ])
      const root = terminal.cwd
      const hint = npxHint(root)
      if (!existsSync(join(root, 'runbook.config.yaml')))
        throw new RunbookError(
          'RUNBOOK_CONFIG',
          `there is no runbook.config.yaml in ${root}. Change to the folder that has it.`,
        )
      const running = await readRunningStack(join(root, '.runbook'))
      if (running) {
        terminal.log(`already running (pid ${running.pid})`)
        const { RUNBOOK_URL: api, RUNBOOK_TOKEN: token } = readEnvironmentFile(root)
        const pages = api === undefined ? undefined : await signInHint({ url: api, token })
        terminal.print(summary({ api, token, pages, temporalUi: running.temporalUiUrl, hint }))
        return
      }
      const installation = await startInstallation({
        root,
        temporal: 'file',
        maestro: options.maestro === true,
        log: terminal.log,
      })
      const ended = untilEnded({})
      const requests = await takeRequests(root, () => installation.restart())
      terminal.print(
        summary({
          startedHere: true,
          api: installation.api.url,
          token: installation.env.RUNBOOK_TOKEN,
          pages: await signInHint({ url: installation.api.url!, token: installation.env.RUNBOOK_TOKEN }),
          temporalUi: installation.stack.temporal.uiUrl,
          maestro: options.maestro === true,
          hint,
        }),
      )
      await ended
      terminal.log('stopping …')
      await requests.stop()
      await installation.stop()
      terminal.log('stopped. Open incidents continue after the next start.')
    })
}

async function restartEngine(terminal: Terminal): Promise<void> {
  const { askForRestart } = await import('../installation/control.ts')
  await askForRestart(projectDirectory(terminal.cwd))
  terminal.log('the worker and the API were restarted with the present files')
}

function summary(where: {
  api?: string | undefined
  token?: string | undefined
  pages?: string | undefined
  temporalUi?: string | undefined
  maestro?: boolean
  startedHere?: boolean
  hint: string | null
}): string {
  const lines = [
    '',
    ...(where.api ? [`  API          ${where.api}   (${tokenHint(where.token)})`] : []),
    ...(where.pages ? [`  Pages        ${where.pages}`] : []),
    ...(where.temporalUi ? [`  Temporal UI  ${where.temporalUi}`] : []),
    ...(where.maestro
      ? [
          '',
          '  Break something:   npm run maestro -- fault stalled-nobody-checks',
          '  Open an incident:  npx runbook trigger stuck-run --input threshold=5s --watch',
        ]
      : []),
    ...(where.hint ? ['', `  ${where.hint}`] : []),
    ...(where.startedHere ? ['', '  Ctrl-C stops everything.'] : []),
    '',
  ]
  return lines.join('\n')
}

function tokenHint(token: string | undefined): string {
  if (token !== undefined) return 'token in .runbook/env'
  return 'no token is known here: set RUNBOOK_TOKEN to yours, or add a person with "runbook people add"'
}
