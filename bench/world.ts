import { join } from 'node:path'
import { packageRoot } from '../src/cli/installation/package-root.ts'
import { Current } from '../src/core/current.ts'
import type { LoadedRunbook } from '../src/engine/catalogue.ts'
import type { Engine } from '../src/engine/engine.ts'
import { incidentWorkflow } from '../src/engine/incident-workflow.ts'
import { runWorker } from '../src/engine/run-worker.ts'
import { trigger } from '../src/engine/trigger.ts'
import { BASELINE_QUEUE, startBaselines } from './baselines.ts'
import { WORKFLOWS, type WorkflowName } from './measure.ts'
import { openBenchEngine, type BenchServers } from './servers.ts'

export interface BenchWorld {
  /** Starts a workflow, waits for its end and returns its workflow id. */
  run: Record<WorkflowName, () => Promise<string>>
  /** Counts what one run of each workflow writes to Temporal's history. */
  counts(): Promise<Record<WorkflowName, Counts>>
}

export interface Counts {
  /** Events in Temporal's history. */
  events: number
  workflowTasks: number
}

const INCIDENT = 'five-checks'
const THRESHOLD = '1h'

/** Starts engine and workers. */
export async function openWorld(servers: BenchServers, log: (line: string) => void): Promise<BenchWorld> {
  const { diagnosedUrl, onClose } = servers
  const engine = await openBenchEngine(servers, join(packageRoot(), 'bench', 'runbook.config.yaml'))
  onClose(() => engine.close())
  const { plan } = runbookOf(engine)
  const worker = await runWorker(new Current(engine), ['diagnose'], log)
  onClose(() => worker.stop())
  const baselines = await startBaselines(engine.temporal, plan, diagnosedUrl)
  onClose(() => baselines.stop())
  const run = workflowRunners(engine)
  return { run, counts: () => counts(engine, run) }
}

function runbookOf({ catalogue }: Engine): LoadedRunbook {
  const loaded = catalogue.byIncident.get(INCIDENT)
  if (loaded) return loaded
  throw new Error(`no runbook has the incident ${INCIDENT}`)
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
      const workflow = await incidentWorkflow(engine, incident)
      const { outcome } = (await workflow.result()) as { outcome: string }
      // Any other outcome means that something else was measured.
      if (outcome !== 'no-action') throw new Error(`${incident} ended as ${outcome}`)
      return workflow.workflowId
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
