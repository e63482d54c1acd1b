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
 * `npm run bench`: what an incident costs, compared with an empty workflow and with the same statements written by hand, on servers
 * of its own. Figures on stdout, progress on stderr. Returns the exit code.
 */
export async function main(argv: string[]): Promise<number> {
  const program = new Command('npm run bench --')
    .description('Measures latency and throughput of an incident beside an empty and a hand-written workflow.')
    .option('--memory', 'only with a Temporal server that keeps its state in memory')
    .option('--file', 'only with a Temporal server that keeps its state in a file')
    .option('--quick', 'fewer runs: half a minute in all, for a first impression')
    .addOption(new Option('-o, --output <form>', 'form of the figures').choices(['table', 'json']).default('table'))
    .exitOverride()
  try {
    program.parse(argv, { from: 'user' })
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
    throw error
  }
  const { memory, file, quick, output } = program.opts<Options>()
  const kinds: TemporalKind[] = memory === file ? ['memory', 'file'] : memory ? ['memory'] : ['file']
  // Which server keeps what where is part of what is measured: never one that runs already.
  for (const name of ['TEMPORAL_ADDRESS', 'RUNBOOK_POSTGRES_URL']) delete process.env[name]
  installRuntime('ERROR')
  const parent = join(packageRoot(), '.runbook')
  await eraseLeftOver(parent)
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
  // The stack would end its servers by itself, but leave their data.
  let ending = false
  const interrupted = (signal: NodeJS.Signals) => {
    // A Ctrl-C may come twice, from the terminal and from npm.
    if (ending) return
    ending = true
    // What is measured at this moment loses its connections, and says so from within timers of Temporal's client.
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

/** Runs that were killed could not erase theirs. */
async function eraseLeftOver(parent: string): Promise<void> {
  for (const name of await readdir(parent).catch(() => [])) {
    const dir = join(parent, name)
    if (name.startsWith(DIRECTORY_PREFIX) && (await readRunningStack(dir)) === null) await eraseStack(dir)
  }
}
