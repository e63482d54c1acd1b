import { Command, CommanderError, Option } from 'commander'
import { installRuntime } from '../src/temporal/worker.ts'
import { measure, type Effort } from './measure.ts'
import { reportOf, table, type Report } from './report.ts'
import { machine, withServers, type TemporalKind } from './servers.ts'
import { openWorld } from './world.ts'

const FULL: Effort = { rounds: 5, latencyRuns: 30, throughputRuns: 60, inFlight: 20, warmUps: 30 }
const QUICK: Effort = { rounds: 2, latencyRuns: 10, throughputRuns: 40, inFlight: 20, warmUps: 20 }

interface Options {
  memory?: true
  file?: true
  quick?: true
  output: 'table' | 'json'
}

/**
 * `npm run bench`: compares an incident with an empty workflow and with a hand-written workflow that runs the same statements. Starts
 * its own servers. Prints the results on stdout and the progress on stderr. Returns the exit code.
 */
export async function main(argv: string[]): Promise<number> {
  const program = new Command('npm run bench --')
    .description('Compare latency and throughput of an incident with an empty and a hand-written workflow.')
    .option('--memory', 'run only with a Temporal server that keeps its state in memory')
    .option('--file', 'run only with a Temporal server that keeps its state in a file')
    .option('--quick', 'fewer runs, about 30 s in total; the results are less precise')
    .addOption(new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'))
    .exitOverride()
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
  const { memory, file, quick, output } = program.opts<Options>()
  const kinds: TemporalKind[] = memory === file ? ['memory', 'file'] : memory ? ['memory'] : ['file']
  installRuntime('ERROR')
  const reports: Report[] = []
  for (const kind of kinds) {
    const log = (line: string) => console.error(`${kind}: ${line}`)
    const effort = quick ? QUICK : FULL
    reports.push(
      await withServers(kind, log, async (servers) => {
        const world = await openWorld(servers, log)
        return reportOf(kind, await measure(world.run, effort, log), await world.counts())
      }),
    )
    if (output === 'table') console.log(`${table(reports.at(-1)!)}\n`)
  }
  if (output === 'json') console.log(JSON.stringify({ machine: machine(), reports }))
  else console.log(machine())
  return 0
}
