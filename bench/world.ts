import { basename, join } from 'node:path'
import { packageRoot } from '../src/cli/installation/package-root.ts'
import { loadConfig } from '../src/config/load-config.ts'
import type { LoadedRunbook } from '../src/engine/catalogue.ts'
import { openEngine, type Engine } from '../src/engine/engine.ts'
import { provisionDatabase, provisionEngineDatabase } from '../src/engine/setup/provision.ts'
import { runWorker } from '../src/engine/run-worker.ts'
import { trigger } from '../src/engine/trigger.ts'
import { newSigningKey } from '../src/gate/keyring.ts'
import { eraseStack } from '../src/stack/erase-stack.ts'
import { startStack, type TemporalServer } from '../src/stack/stack.ts'
import { BASELINE_QUEUE, startBaselines } from './baselines.ts'
import { fillDiagnosed } from './diagnosed.ts'
import { CONTENDERS, type Contender } from './measure.ts'

export type TemporalKind = 'memory' | 'file'

export interface BenchWorld {
  /** Starts one and waits for its end; answers its workflow id. */
  run: Record<Contender, () => Promise<string>>
  /** What one run of each costs on the server. */
  counts(): Promise<Record<Contender, Counts>>
  /** Ends and erases everything. */
  close(): Promise<void>
}

export interface Counts {
  /** In Temporal's history. */
  events: number
  workflowTasks: number
}

const INCIDENT = 'five-checks'
const THRESHOLD = '1h'

/** Servers, databases, engine and workers in a folder of their own, which goes when it is closed. */
export async function openWorld(dir: string, temporal: TemporalKind, log: (line: string) => void): Promise<BenchWorld> {
  const ending: (() => Promise<unknown>)[] = [() => eraseStack(dir)]
  const close = async () => {
    for (const end of ending.splice(0).reverse()) await end().catch((error: unknown) => log(`ending: ${String(error)}`))
  }
  try {
    // A name of its own: should another server be faster at the port, it is not mistaken for ours.
    const namespace = basename(dir)
    const stack = await startStack({ dir, temporal, namespace, log, services: ['postgres', 'temporal'] })
    ending.push(() => stack.stop())
    const { applicationUrl } = await provisionEngineDatabase(stack.postgres.url, {
      database: 'bench_engine',
      owner: 'bench_owner',
      application: 'bench_application',
    })
    const diagnosedUrl = await provisionDatabase(stack.postgres.url, 'bench_diagnosed', 'bench_diagnosed')
    await fillDiagnosed(diagnosedUrl)
    const engine = await engineOf(applicationUrl, diagnosedUrl, stack.temporal)
    ending.push(() => engine.close())
    const { plan } = runbookOf(engine)
    const worker = await runWorker(engine, ['diagnose'], log)
    ending.push(() => worker.stop())
    const baselines = await startBaselines(engine.temporal, plan, diagnosedUrl)
    ending.push(() => baselines.stop())
    const run = contenders(engine)
    return { run, counts: () => counts(engine, run), close }
  } catch (error) {
    await close()
    throw error
  }
}

async function engineOf(database: string, diagnosed: string, { address, namespace }: TemporalServer): Promise<Engine> {
  const config = loadConfig({
    file: join(packageRoot(), 'bench', 'runbook.config.yaml'),
    env: { RUNBOOK_DATABASE_URL: database, BENCH_DB_READ: diagnosed, RUNBOOK_SIGNING_KEY: newSigningKey() },
  })
  return openEngine({ ...config, temporal: { ...config.temporal, address, namespace } })
}

function runbookOf({ catalogue }: Engine): LoadedRunbook {
  const loaded = catalogue.byIncident.get(INCIDENT)
  if (loaded) return loaded
  throw new Error(catalogue.problems.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'))
}

function contenders(engine: Engine): BenchWorld['run'] {
  const { client } = engine.temporal
  let number = 0
  const byHand = async (type: string, args: unknown[]) => {
    const workflowId = `${type}-${++number}`
    await client.workflow.execute(type, { workflowId, taskQueue: BASELINE_QUEUE, args })
    return workflowId
  }
  return {
    empty: () => byHand('empty', []),
    handWritten: () => byHand('fiveQueries', [THRESHOLD]),
    incident: async () => {
      const inputs = { case: String(++number), threshold: THRESHOLD }
      const { incident } = await trigger(engine, { type: INCIDENT, inputs, requester: 'person:bench' })
      const { outcome } = (await client.workflow.getHandle(incident).result()) as { outcome: string }
      // Anything else is not what is to be measured.
      if (outcome !== 'no-action') throw new Error(`${incident} ended as ${outcome}`)
      return incident
    },
  }
}

async function counts(engine: Engine, run: BenchWorld['run']): Promise<Record<Contender, Counts>> {
  const counted = await Promise.all(
    CONTENDERS.map(async (contender) => {
      const history = await engine.temporal.client.workflow.getHandle(await run[contender]()).fetchHistory()
      const events = history.events ?? []
      const workflowTasks = events.filter((event) => event.workflowTaskCompletedEventAttributes).length
      return [contender, { events: events.length, workflowTasks }] as const
    }),
  )
  return Object.fromEntries(counted) as Record<Contender, Counts>
}
