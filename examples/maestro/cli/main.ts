import { Command, CommanderError, InvalidArgumentError } from 'commander'
import { readConfig } from '../config.ts'
import { MaestroError, messageOf } from '../errors.ts'
import { requireControl } from '../supervisor/control-client.ts'
import { SERVICES, type Service } from '../supervisor/state-file.ts'
import { WORKFLOWS } from '../workflows.ts'
import { statusText } from './commands/status.ts'
import { startRuns } from './start-runs.ts'

const print = (text: string): void => void process.stdout.write(`${text}\n`)

/**
 * Runs one `maestro` command. Data goes to stdout, errors to stderr.
 * @param argv the arguments without the program's name
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage
 */
export async function main(argv: string[]): Promise<number> {
  const program = build()
  try {
    await program.parseAsync(argv, { from: 'user' })
    return 0
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    process.stderr.write(`maestro: ${messageOf(error)}\n`)
    return error instanceof MaestroError && error.kind === 'usage' ? 2 : 1
  }
}

function build(): Command {
  const program = new Command('maestro')
    .description('A small orchestrator on BullMQ and PostgreSQL, with faults that can be injected.')
    .exitOverride()
  processCommands(program)
  runCommands(program)
  faultCommands(program)
  return program
}

function processCommands(program: Command): void {
  program
    .command('up')
    .description('start orchestrator, workers and ml-inference, and wait until they are healthy')
    .option('--foreground', 'stay in the foreground until Ctrl-C')
    .action(async ({ foreground }: { foreground?: boolean }) => {
      const { up } = await import('./commands/up.ts')
      await up(readConfig(), foreground === true, print)
    })
  program
    .command('down')
    .description('drain the workers and stop all processes')
    .action(async () => {
      const { down } = await import('./commands/down.ts')
      print(await down(readConfig()))
    })
  program
    .command('restart')
    .description('drain and restart the orchestrator and all workers')
    .action(async () => print(statusText(await (await requireControl(readConfig().dir)).restart())))
  program
    .command('status')
    .description('show the processes and whether the database and Redis answer; exit code 1 if one does not')
    .action(async () => {
      const { status } = await import('./commands/status.ts')
      const { text, ok } = await status(readConfig())
      print(text)
      if (!ok) throw new MaestroError('failed', 'the database or Redis does not answer: check that both are running')
    })
  program
    .command('scale')
    .argument('<workers>', 'the new number of workers, from 0 to 32', wholeNumber)
    .description('set the number of workers')
    .action(async (count: number) => print(statusText(await (await requireControl(readConfig().dir)).scale(count))))
  for (const verb of ['start', 'stop'] as const) {
    program
      .command(verb)
      .argument('<service>', SERVICES.join(' or '))
      .description(`${verb} one service`)
      .action(async (service: string) => {
        const control = await requireControl(readConfig().dir)
        const change = verb === 'start' ? control.startService : control.stopService
        print(statusText(await change(service as Service)))
      })
  }
}

function runCommands(program: Command): void {
  program
    .command('load')
    .description('start runs and print their ids')
    .option('--runs <n>', 'how many', wholeNumber, 5)
    .option('--workflow <name>', `one of ${Object.keys(WORKFLOWS).join(', ')}`, 'video')
    .action(async ({ runs, workflow }: { runs: number; workflow: string }) => {
      const ids = await startRuns(await requireControl(readConfig().dir), workflow, runs)
      print(ids.join('\n'))
    })
  program
    .command('inspect')
    .argument('<run-id>')
    .description('show a run, its steps, job, lock, blockers and latest logs (reads only)')
    .option('-o, --output <format>', 'table or json', 'table')
    .action(async (id: string, { output }: { output: string }) => {
      if (output !== 'table' && output !== 'json') throw new MaestroError('usage', `-o ${output}: use table or json`)
      const { inspect } = await import('./commands/inspect.ts')
      print(await inspect(readConfig(), id, output))
    })
}

function faultCommands(program: Command): void {
  program
    .command('fault')
    .argument('[name]', 'omit it to list the faults')
    .description('inject a fault and start runs that show it')
    .action(async (name?: string) => {
      const { injectFault, listFaults } = await import('./commands/fault.ts')
      print(await (name === undefined ? listFaults(readConfig()) : injectFault(readConfig(), name)))
    })
  program
    .command('heal')
    .argument('<name>')
    .description('remove the cause of a fault')
    .action(async (name: string) => {
      const { healFault } = await import('./commands/fault.ts')
      print(await healFault(readConfig(), name))
    })
}

function wholeNumber(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('Use a whole number.')
  return Number(text)
}
