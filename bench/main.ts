import { readdir } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError, Option } from 'commander'
import { packageRoot } from '../src/cli/installation/package-root.ts'
import { eraseStack } from '../src/stack/erase-stack.ts'
import { readRunningStack } from '../src/stack/stack-file.ts'
import { installRuntime } from '../src/temporal/worker.ts'
import { measure, type Effort } from './measure.ts'
import { reportOf, table, type Report } from './report.ts'
import { openWorld, type TemporalKind } from './world.ts'

const FULL: Effort = { rounds: 5, latencyRuns: 30, throughputRuns: 60, inFlight: 20, warmUps: 30 }
const QUICK: Effort = { rounds: 2, latencyRuns: 10, throughputRuns: 40, inFlight: 20, warmUps: 20 }

interface Options {
  memory?: true
  file?: true
  quick?: true
  output: 'table' | 'json'
}

const DIRECTORY_PREFIX = 'bench-'

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
  // The storage of the servers affects the results, so the bench must not use servers that are running already.
  for (const name of ['TEMPORAL_ADDRESS', 'RUNBOOK_POSTGRES_URL']) delete process.env[name]
  installRuntime('ERROR')
  const parent = join(packageRoot(), '.runbook')
  await eraseLeftovers(parent)
  const reports: Report[] = []
  for (const kind of kinds) {
    const log = (line: string) => console.error(`${kind}: ${line}`)
    reports.push(
      await benchOn(kind, join(parent, `${DIRECTORY_PREFIX}${process.pid}-${kind}`), quick ? QUICK : FULL, log),
    )
    if (output === 'table') console.log(`${table(reports.at(-1)!)}\n`)
  }
  if (output === 'json') console.log(JSON.stringify({ machine: machine(), reports }))
  else console.log(`${machine()}; load ${loadavg()[0]!.toFixed(1)} at the end`)
  return 0
}

async function benchOn(kind: TemporalKind, dir: string, effort: Effort, log: (line: string) => void): Promise<Report> {
  const world = await openWorld(dir, kind, log)
  // On a signal the stack stops its servers but keeps their data, so close the world first.
  let isClosing = false
  const interrupted = (signal: NodeJS.Signals) => {
    // The terminal and npm both send SIGINT on Ctrl-C.
    if (isClosing) return
    isClosing = true
    // Running measurements lose their connections, and Temporal's client reports that as uncaught exceptions from timers.
    process.on('uncaughtException', () => {})
    void world.close().finally(() => process.exit(signal === 'SIGINT' ? 130 : 143))
  }
  process.on('SIGINT', interrupted).on('SIGTERM', interrupted)
  try {
    const rounds = await measure(world.run, effort, log)
    return reportOf(kind, rounds, await world.counts())
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted)
    await world.close()
  }
}

function machine(): string {
  const cores = cpus()
  return `${cores.length} × ${cores[0]?.model.trim() ?? 'unknown processor'}, Node ${process.versions.node}`
}

/** Deletes the data of earlier runs that were killed. */
async function eraseLeftovers(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const dir = join(parent, name)
    if (name.startsWith(DIRECTORY_PREFIX) && (await readRunningStack(dir)) === null) await eraseStack(dir)
  }
}
