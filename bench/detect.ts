import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { packageRoot } from '../src/cli/installation/package-root.ts'
import { Current } from '../src/core/current.ts'
import { runWorker } from '../src/engine/run-worker.ts'
import { installRuntime } from '../src/temporal/worker.ts'
import { machine, openBenchEngine, withServers, type BenchServers } from './servers.ts'

const RUNBOOKS = 100
const MINUTES = Number(process.env.BENCH_MINUTES ?? 3)
/** The goals. */
const MAX_CORE_PERCENT = 3
const MAX_COMMITS = 200
const MAX_OPEN_SECONDS = 15
const FAULTS = 5

interface Load {
  /** Of one core. */
  corePercent: number
  /** Transactions in the engine's database per minute; `writing`: those that changed something. */
  transactions: number
  writing: number
  samples: number
}

/**
 * `npm run bench:detect`: what a worker costs that samples 100 runbooks once a minute, compared with one that samples none, and how long it
 * takes until detection opens an incident. Prints the results on stdout. Returns 1 if a goal is missed.
 */
export async function main(): Promise<number> {
  installRuntime('ERROR')
  const log = (line: string) => console.error(line)
  return withServers('memory', log, async (servers) => {
    const idle = await measureLoad(servers, 'idle', '', log)
    const sampling = await measureLoad(servers, 'sampling', 'detect: { every: 1m, for: 2 }', log)
    const opened = await measureOpening(servers, log)
    const cost = sampling.corePercent - idle.corePercent
    const commits = sampling.writing - idle.writing
    const slowest = Math.max(...opened)
    const line = (name: string, { corePercent, transactions, writing, samples }: Load) =>
      console.log(
        `${name.padEnd(34)} ${corePercent.toFixed(2)} % of a core, ${transactions.toFixed(0)} transactions a minute, ${writing.toFixed(0)} of them write, ${samples.toFixed(0)} samples`,
      )
    line(`${RUNBOOKS} runbooks without "detect"`, idle)
    line(`${RUNBOOKS} runbooks, each once a minute`, sampling)
    console.log(
      `detection:                         ${cost.toFixed(2)} % of a core (goal: at most ${MAX_CORE_PERCENT} %), ${commits.toFixed(0)} commits a minute (goal: at most ${MAX_COMMITS})`,
    )
    console.log(
      `fault until open, every 5 s, for 2: ${opened.map((seconds) => seconds.toFixed(1)).join(', ')} s (goal: at most ${MAX_OPEN_SECONDS} s)`,
    )
    console.log(machine())
    return cost <= MAX_CORE_PERCENT && commits <= MAX_COMMITS && slowest <= MAX_OPEN_SECONDS ? 0 : 1
  })
}

/** Runs a worker with these runbooks for a while. The process does nothing else, so its processor time is that of the worker. */
async function measureLoad(
  servers: BenchServers,
  name: string,
  detect: string,
  log: (line: string) => void,
): Promise<Load> {
  const runbooks = Object.fromEntries(
    Array.from({ length: RUNBOOKS }, (_, i) => [`${name}-${i}`, runbook(`${name}-${i}`, detect)]),
  )
  return withWorker(servers, name, runbooks, log, async (database) => {
    log(`${name}: ${MINUTES} min, after one minute in which the schedules are made`)
    // Within this time every runbook is sampled for the first time, which compiles its expressions and opens connections.
    await sleep(75_000)
    const before = await counters(database)
    await sleep(MINUTES * 60_000)
    const after = await counters(database)
    const minutes = (after.at - before.at) / 60_000
    return {
      corePercent: (100 * (after.cpuMs - before.cpuMs)) / (after.at - before.at),
      transactions: (after.transactions - before.transactions) / minutes,
      writing: (after.writing - before.writing) / minutes,
      samples: (after.samples - before.samples) / minutes,
    }
  })
}

async function counters(database: pg.Pool) {
  const { user, system } = process.cpuUsage()
  const { rows } = await database.query<{ transactions: string; writing: string; samples: string }>(
    `SELECT (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()) AS transactions,
       pg_snapshot_xmax(pg_current_snapshot())::text AS writing, (SELECT coalesce(sum(samples), 0) FROM runbook.detectors) AS samples`,
  )
  const { transactions, writing, samples } = rows[0]!
  return {
    at: performance.now(),
    cpuMs: (user + system) / 1000,
    transactions: Number(transactions),
    writing: Number(writing),
    samples: Number(samples),
  }
}

/** Seconds from a fault until its incident is open, several times. */
async function measureOpening(servers: BenchServers, log: (line: string) => void): Promise<number[]> {
  const name = 'opening'
  const diagnosed = new pg.Pool({ connectionString: servers.diagnosedUrl, max: 1 })
  servers.onClose(() => diagnosed.end())
  const runbooks = { [name]: runbook(name, 'detect: { every: 5s, for: 2, again: 1s }', 'opening') }
  return withWorker(servers, name, runbooks, log, async (database) => {
    await until(async () => (await counters(database)).samples > 0)
    const opened: number[] = []
    for (let i = 1; i <= FAULTS; i += 1) {
      const started = performance.now()
      await diagnosed.query(`UPDATE runs SET status = 'RUNNING', current_step = 'opening' WHERE id = 'run-2000'`)
      const known = `SELECT count(*) FROM runbook.incidents WHERE type = '${name}'`
      await until(async () => Number((await database.query<{ count: string }>(known)).rows[0]!.count) >= i)
      opened.push((performance.now() - started) / 1000)
      log(`${name}: ${opened.at(-1)!.toFixed(1)} s`)
      await diagnosed.query(`UPDATE runs SET status = 'COMPLETED' WHERE id = 'run-2000'`)
      await until(async () => {
        const left = await database.query(
          `SELECT FROM runbook.episodes WHERE ended_at IS NULL UNION ALL SELECT FROM runbook.incidents WHERE closed_at IS NULL`,
        )
        return left.rowCount === 0
      })
    }
    return opened
  })
}

async function withWorker<T>(
  servers: BenchServers,
  name: string,
  runbooks: Record<string, string>,
  log: (line: string) => void,
  work: (database: pg.Pool) => Promise<T>,
): Promise<T> {
  const folder = join(servers.dir, name)
  mkdirSync(join(folder, 'runbooks'), { recursive: true })
  for (const [file, text] of Object.entries(runbooks)) writeFileSync(join(folder, 'runbooks', `${file}.yaml`), text)
  const config = readFileSync(join(packageRoot(), 'bench', 'runbook.config.yaml'), 'utf8')
  const file = join(folder, 'runbook.config.yaml')
  writeFileSync(file, config.replace(/^runbooks: .*$/m, 'runbooks: [runbooks]'))
  const engine = await openBenchEngine(servers, file)
  const worker = await runWorker(new Current(engine), ['diagnose'], log)
  const database = new pg.Pool({ connectionString: servers.engineUrl, max: 1 })
  try {
    return await work(database)
  } finally {
    await database.end()
    await worker.stop()
    await engine.close()
  }
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 120_000
  while (!(await condition())) {
    if (performance.now() > end) throw new Error('a condition of the bench was not true within 2 minutes')
    await sleep(100)
  }
}

/** A runbook whose symptom is a run that does not move. Each has its own step, so no two read the same rows. */
function runbook(name: string, detect: string, step = name): string {
  return `version: 1
runbook: ${name}
incident: ${name}
title: Runs at ${step} are stuck
owner: bench
key: ${name}
symptom: size(stuck.rows) > 0
${detect}
diagnose:
  stuck:
    check: sql.query
    with:
      connection: bench-db
      sql: |
        SELECT r.id, r.current_step, r.attempt, s.job_id, r.updated_at::text AS updated_at
        FROM runs r LEFT JOIN steps s ON s.run_id = r.id AND s.step = r.current_step AND s.attempt = r.attempt
        WHERE r.status = 'RUNNING' AND r.updated_at < now() - interval '1 hour' AND r.current_step = $1
        ORDER BY r.updated_at
      params: ['${step}']
      columns: { id: string, current_step: string, attempt: int, job_id: string?, updated_at: string }
causes:
  - cause: seen
    title: Somebody has to look
    when: size(stuck.rows) > 0
    because: \${{ size(stuck.rows) }} runs are stuck
    remedy: none
escalate: { to: [bench], message: '\${{ size(stuck.rows) }} runs are stuck' }
`
}
