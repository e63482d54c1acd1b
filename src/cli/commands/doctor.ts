import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { visibleLines } from '../../core/displayable.ts'
import { readAddress } from '../address.ts'
import { Exit } from '../command.ts'
import { howToCall, howToStart } from '../how-to-start.ts'
import { wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook doctor`: what is there, what is missing, and what to do about it. */
export function command(terminal: Terminal): Command {
  return new Command('doctor')
    .description(
      'Looks at this machine, the configuration, every server, the API, the worker and every connection, and says what to do. Changes nothing.',
    )
    .addHelpText(
      'after',
      '\n✓ is well, ! should be known, ✗ has to be mended: then it exits with 1.\n\nExamples:\n  runbook doctor\n  runbook doctor -o json',
    )
    .action(async (_: unknown, self: Command) => {
      const findings = await examine(terminal)
      if (wantsJson(self)) terminal.print(JSON.stringify(findings, null, 2))
      else print(terminal, findings)
      if (findings.some((finding) => !finding.ok)) throw new Exit(1)
    })
}

async function examine({ cwd, env }: Terminal): Promise<DoctorFinding[]> {
  const [{ doctorStack }, { readRunningStack }, { doctorConfig }, { doctorApi }] = await Promise.all([
    import('../../stack/doctor-stack.ts'),
    import('../../stack/stack-file.ts'),
    import('../../engine/setup/doctor-config.ts'),
    import('../doctor-api.ts'),
  ])
  const dir = join(cwd, '.runbook')
  const start = howToStart(cwd)
  // Where the servers run, worker and API should too; and whoever names an address means that something is there.
  const here = (await readRunningStack(dir)) !== null
  const [stack, config, api] = await Promise.all([
    doctorStack(dir, { needed: existsSync(join(dir, 'stack.json')) || !databaseIsNamed(cwd, env), start }),
    doctorConfig({ cwd, env, workerExpected: here, start }),
    doctorApi(readAddress(cwd, env), here || Boolean(env.RUNBOOK_URL)),
  ])
  return [...stack, ...config, ...api]
}

/** Somebody said where the engine's database is: then nothing has to be started in this folder. */
function databaseIsNamed(cwd: string, env: Terminal['env']): boolean {
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
  const call = howToCall(terminal.cwd)
  if (call !== null && findings.some(({ fix }) => fix !== undefined)) terminal.say(dim(call))
}
