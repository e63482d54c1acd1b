import { Current } from '../src/core/current.ts'
import { incidentWorkflow } from '../src/engine/incident-workflow.ts'
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
import { WORKFLOWS, type WorkflowName } from './measure.ts'

export type TemporalKind = 'memory' | 'file'

export interface BenchWorld {
  /** Starts a workflow, waits for its end and returns its workflow id. */
  run: Record<WorkflowName, () => Promise<string>>
  /** Counts what one run of each workflow writes to Temporal's history. */
  counts(): Promise<Record<WorkflowName, Counts>>
  /** Stops the servers and deletes their data. */
  close(): Promise<void>
}

export interface Counts {
  /** Events in Temporal's history. */
  events: number
  workflowTasks: number
}

const INCIDENT = 'five-checks'
const THRESHOLD = '1h'

/** Starts servers, databases, engine and workers in a new folder. `close` deletes the folder. */
export async function openWorld(dir: string, temporal: TemporalKind, log: (line: string) => void): Promise<BenchWorld> {
  const cleanups: (() => Promise<unknown>)[] = [() => eraseStack(dir)]
  const close = async () => {
    for (const cleanUp of cleanups.splice(0).reverse())
      await cleanUp().catch((error: unknown) => log(`error while stopping: ${String(error)}`))
  }
  try {
    // A unique namespace, so that another Temporal server that takes the port first is not mistaken for this one.
    const namespace = basename(dir)
    const stack = await startStack({ dir, temporal, namespace, log, services: ['postgres', 'temporal'] })
    cleanups.push(() => stack.stop())
    const { applicationUrl } = await provisionEngineDatabase(stack.postgres.url, {
      database: 'bench_engine',
      owner: 'bench_owner',
      application: 'bench_application',
    })
    const diagnosedUrl = await provisionDatabase(stack.postgres.url, 'bench_diagnosed', 'bench_diagnosed')
    await fillDiagnosed(diagnosedUrl)
    const engine = await engineOf(applicationUrl, diagnosedUrl, stack.temporal)
    cleanups.push(() => engine.close())
    const { plan } = runbookOf(engine)
    const worker = await runWorker(new Current(engine), ['diagnose'], log)
    cleanups.push(() => worker.stop())
    const baselines = await startBaselines(engine.temporal, plan, diagnosedUrl)
    cleanups.push(() => baselines.stop())
    const run = workflowRunners(engine)
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

function workflowRunners(engine: Engine): BenchWorld['run'] {
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
      const { outcome } = (await (await incidentWorkflow(engine, incident)).result()) as { outcome: string }
      // Any other outcome means that something else was measured.
      if (outcome !== 'no-action') throw new Error(`${incident} ended as ${outcome}`)
      return (await incidentWorkflow(engine, incident)).workflowId
    },
  }
}

async function counts(engine: Engine, run: BenchWorld['run']): Promise<Record<WorkflowName, Counts>> {
  const counted = await Promise.all(
    WORKFLOWS.map(async (name) => {
      const history = await engine.temporal.client.workflow.getHandle(await run[name]()).fetchHistory()
      const events = history.events ?? []
      const workflowTasks = events.filter((event) => event.workflowTaskCompletedEventAttributes).length
      return [name, { events: events.length, workflowTasks }] as const
    }),
  )
  return Object.fromEntries(counted) as Record<WorkflowName, Counts>
}
