import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { readEnvironmentFile } from '../installation/environment-file.ts'
import { RunbookError } from '../../core/errors.ts'
import { howToCall } from '../how-to-start.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook up`: everything on this machine, until it is stopped. */
export function command(terminal: Terminal): Command {
  return new Command('up')
    .description(
      'Starts PostgreSQL, Redis, Temporal, worker and API on this machine, until Ctrl-C. Data, logs and secrets are in .runbook/.',
    )
    .option('--maestro', 'with Maestro, the example system')
    .addHelpText('after', '\nExamples:\n  runbook up\n  runbook up --maestro')
    .action(async (options: { maestro?: boolean }) => {
      const [{ startInstallation }, { readRunningStack }, { untilEnded }] = await Promise.all([
        import('../installation/start-installation.ts'),
        import('../../stack/stack-file.ts'),
        import('../installation/serve-until-ended.ts'),
      ])
      const root = terminal.cwd
      const call = howToCall(root)
      if (!existsSync(join(root, 'runbook.config.yaml')))
        throw new RunbookError('RUNBOOK_CONFIG', 'there is no runbook.config.yaml here: start where it is')
      const running = await readRunningStack(join(root, '.runbook'))
      if (running) {
        terminal.say(`already running (pid ${running.pid})`)
        terminal.print(summary({ api: readEnvironmentFile(root).RUNBOOK_URL, temporalUi: running.temporalUiUrl, call }))
        return
      }
      const installation = await startInstallation({
        root,
        temporal: 'file',
        maestro: options.maestro === true,
        log: terminal.say,
      })
      const ended = untilEnded({})
      terminal.print(
        summary({
          ours: true,
          api: installation.api.url,
          temporalUi: installation.stack.temporal.uiUrl,
          maestro: options.maestro === true,
          call,
        }),
      )
      await ended
      terminal.say('ending…')
      await installation.stop()
      terminal.say('everything has ended; what waited goes on at the next start')
    })
}

function summary(where: {
  api?: string | undefined
  temporalUi?: string | undefined
  maestro?: boolean
  ours?: boolean
  call: string | null
}): string {
  const lines = [
    '',
    ...(where.api ? [`  API          ${where.api}   (token in .runbook/env)`] : []),
    ...(where.temporalUi ? [`  Temporal UI  ${where.temporalUi}`] : []),
    ...(where.maestro
      ? [
          '',
          '  Break something:   npm run maestro -- fault stalled-nobody-checks',
          '  Open an incident:  npx runbook trigger stuck-run --input threshold=5s --watch',
        ]
      : []),
    ...(where.call ? ['', `  ${where.call}`] : []),
    ...(where.ours ? ['', '  Ctrl-C ends everything.'] : []),
    '',
  ]
  return lines.join('\n')
}
