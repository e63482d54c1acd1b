import { withTimeout } from '../../core/abort.ts'
import { messageOf } from '../../core/errors.ts'
import type { FileStatus } from '../../core/file-status.ts'
import { IR_VERSION } from '../../core/plan.ts'
import { FREEZE, readControls, type Control } from '../../gate/controls.ts'
import { permitsInFlight, type PermitInFlight } from '../../gate/permits-in-flight.ts'
import { snapshot } from '../../history/database.ts'
import { readOutbox, type OutboxState } from '../../history/outbox.ts'
import { readRecentWorkers, RUNS_MS, type KnownWorker } from '../../history/workers.ts'
import { otherVersions, type OtherVersion } from '../close-outdated.ts'
import type { Engine } from '../engine.ts'
import { listMaintenance } from '../maintenance/maintenance.ts'
import { listDetectors } from './detection.ts'
import { listConnections } from './connections.ts'
import type { ConnectionStatus, DetectorView, MaintenanceList } from './view-types.ts'

/** The state of the engine and of the systems that it needs. */
export interface Status {
  freeze: Control | null
  /** The permits that were granted and may still lead to an effect. A freeze does not revoke them. */
  inFlight: PermitInFlight[]
  /** The breakers that are open. */
  breakers: Control[]
  maintenance: MaintenanceList
  workers: (KnownWorker & { runs: boolean })[]
  /** The version of plans that this process compiles. */
  irVersion: number
  /** The number of open incidents with plans of another version. */
  otherVersions: OtherVersion[]
  /** The files that this process uses. Other processes may use other files. */
  files: FileStatus
  connections: ConnectionStatus[]
  /** The runbooks whose symptom is sampled. */
  detectors: DetectorView[]
  outbox: OutboxState
}

type StatusEngine = Pick<Engine, 'config' | 'database' | 'catalogue' | 'files'>

export async function readStatus(engine: StatusEngine): Promise<Status> {
  const { config, database, files } = engine
  const detectors = await listDetectors(engine)
  const maintenance = await listMaintenance(engine)
  return snapshot(database, async (db) => {
    const controls = await readControls(db)
    const workers = await readRecentWorkers(db)
    return {
      freeze: controls.find(({ name }) => name === FREEZE) ?? null,
      inFlight: await permitsInFlight(db),
      breakers: controls.filter(({ name }) => name !== FREEZE),
      maintenance,
      workers: workers.map((one) => ({ ...one, runs: one.silentMs <= RUNS_MS })),
      irVersion: IR_VERSION,
      otherVersions: await otherVersions(db),
      files,
      connections: await listConnections({ config, database: db }),
      detectors,
      outbox: await readOutbox(db),
    }
  })
}

const TEMPORAL_TIMEOUT_MS = 2_000

/** The reason why Temporal does not answer; null if it does. */
export function temporalProblem({ temporal }: Pick<Engine, 'temporal'>): Promise<string | null> {
  return withTimeout(TEMPORAL_TIMEOUT_MS, () => temporal.connection.workflowService.getSystemInfo({})).then(
    () => null,
    messageOf,
  )
}
