import { fileURLToPath } from 'node:url'
import { bundleWorkflowCode, NativeConnection, Worker } from '@temporalio/worker'
import pg from 'pg'
import type { Plan } from '../src/core/plan.ts'
import type { Temporal } from '../src/temporal/connect.ts'
import { WORKFLOW_WORKER } from '../src/temporal/worker.ts'

const WORKFLOWS = fileURLToPath(new URL('./workflows/baselines.js', import.meta.url))
export const BASELINE_QUEUE = 'bench-baselines'

type Row = Record<string, unknown>

export interface BaselineActivities {
  query(check: string, threshold: string): Promise<Row[]>
}

/**
 * Runs the workflows that incidents are compared with, in this process: with the engine's worker settings, the runbook's SQL statements
 * and the same number of connections to the diagnosed database as the engine.
 */
export async function startBaselines(
  temporal: Temporal,
  plan: Plan,
  diagnosedUrl: string,
): Promise<{ stop(): Promise<void> }> {
  const pool = new pg.Pool({ connectionString: diagnosedUrl, max: 8, application_name: 'bench baselines' })
  pool.on('error', () => {})
  const statements = new Map(plan.checks.map((check) => [check.name, statementOf(check)]))
  const activities: BaselineActivities = {
    query: async (check, threshold) => (await pool.query<Row>(statements.get(check)!, [threshold])).rows,
  }
  const connection = await NativeConnection.connect(temporal.options)
  const worker = await Worker.create({
    ...WORKFLOW_WORKER,
    connection,
    namespace: temporal.namespace,
    taskQueue: BASELINE_QUEUE,
    workflowBundle: await bundleWorkflowCode({ workflowsPath: WORKFLOWS, logger: QUIET }),
    activities,
  })
  const running = worker.run()
  return {
    async stop() {
      worker.shutdown()
      await running
      await connection.close()
      await pool.end()
    },
  }
}

function statementOf(check: Plan['checks'][number]): string {
  const { sql } = check.with
  if (sql === undefined || !('lit' in sql)) throw new Error(`check ${check.name} has no constant SQL statement`)
  return String(sql.lit)
}

const QUIET = { log() {}, trace() {}, debug() {}, info() {}, warn: console.warn, error: console.error }
