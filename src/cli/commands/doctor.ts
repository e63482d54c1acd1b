import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { visibleLines } from '../../core/displayable.ts'
import { readAddress } from '../address.ts'
import { Exit } from '../command.ts'
import { npxHint, startCommand } from '../start-command.ts'
import { wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook doctor`: checks the installation and says what to fix. */
export function command(terminal: Terminal): Command {
  return new Command('doctor')
    .description(
      'Check this machine, the configuration, all servers, the API, the worker and every connection, and say what to fix. Changes nothing.',
    )
    .addHelpText(
      'after',
      '\n✓ ok, ! warning, ✗ error. Exit code 1 if there is an error.\n\nExamples:\n  runbook doctor\n  runbook doctor -o json',
    )
    .action(async (_: unknown, self: Command) => {
      const findings = await runChecks(terminal)
      if (wantsJson(self)) terminal.print(JSON.stringify(findings, null, 2))
      else print(terminal, findings)
      if (findings.some((finding) => !finding.ok)) throw new Exit(1)
    })
}

async function runChecks({ cwd, env }: Terminal): Promise<DoctorFinding[]> {
  const [{ doctorStack }, { readRunningStack }, { doctorConfig }, { ownEngineId }, { doctorApi }] = await Promise.all([
    import('../../stack/doctor-stack.ts'),
    import('../../stack/stack-file.ts'),
    import('../../engine/setup/doctor-config.ts'),
    import('../../engine/setup/own-engine-id.ts'),
    import('../doctor-api.ts'),
  ])
  const dir = join(cwd, '.runbook')
  const start = startCommand(cwd)
  // While the servers run here, worker and API should run too. An API at an address that somebody configured should also run.
  const running = (await readRunningStack(dir)) !== null
  const [stack, config, api] = await Promise.all([
    doctorStack(dir, { needed: existsSync(join(dir, 'stack.json')) || !hasDatabase(cwd, env), start }),
    doctorConfig({ cwd, env, workerExpected: running, start }),
    doctorApi(readAddress(cwd, env), running || Boolean(env.RUNBOOK_URL), ownEngineId({ cwd, env })),
  ])
  return [...stack, ...config, ...api]
}

/** Whether the configuration names the engine's database. Then no servers are needed in this folder. */
function hasDatabase(cwd: string, env: Terminal['env']): boolean {
  try {
    return loadConfig({ cwd, env }).database.known
  } catch {
    return false
  }
}

function print(terminal: Terminal, findings: DoctorFinding[]): void {
  const { green, yellow, red, dim } = terminal.colours
  for (const { name, ok, warning, detail, fix } of findings) {
    const mark = ok ? (warning ? yellow('!') : green('✓')) : red('✗')
    terminal.print(`${mark} ${name.padEnd(24)} ${visibleLines(detail)}${fix ? dim(`\n  → ${fix}`) : ''}`)
  }
  const hint = npxHint(terminal.cwd)
  if (hint !== null && findings.some(({ fix }) => fix !== undefined)) terminal.log(dim(hint))
}
