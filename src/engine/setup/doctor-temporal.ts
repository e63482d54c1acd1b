import type { Config } from '../../config/config.ts'
import type { DoctorFinding } from '../../core/doctor-finding.ts'
import { readTemporalStatus, type TemporalStatus } from '../../temporal/temporal-status.ts'
import { temporalAddress } from '../engine.ts'
import { reasonOf } from './doctor-reason.ts'

const ANSWER_TIMEOUT_MS = 4_000

/**
 * Checks Temporal, who else can reach it, and the workers of the engine's queues. `polling` names the workers (`pid@host`); it is undefined
 * if Temporal did not list them. Changes nothing.
 */
export async function doctorTemporal(
  config: Config,
  { workerExpected, start }: { workerExpected: boolean; start: string },
): Promise<{ findings: DoctorFinding[]; polling: string[] | undefined }> {
  try {
    const status = await readTemporalStatus(temporalAddress(config), config.temporal.taskQueue, ANSWER_TIMEOUT_MS)
    const findings = [temporalFinding(status), ...searchFindings(status), workerFinding(status, workerExpected, start)]
    return { findings, polling: [...new Set(status.queues.flatMap((one) => one.workers))] }
  } catch (error) {
    return { findings: [{ name: 'engine Temporal', ok: false, detail: reasonOf(error) }], polling: undefined }
  }
}

/**
 * Whether anybody else can use Temporal. The workers check every call against the stored incident, but anybody who reaches a server without
 * authentication can stop incidents and read their histories.
 */
export function temporalFinding({
  address,
  namespace,
  access,
}: Pick<TemporalStatus, 'address' | 'namespace' | 'access'>): DoctorFinding {
  const finding = { name: 'engine Temporal', ok: true }
  const answers = `answers on ${address}, namespace ${namespace}`
  const how = [
    access.isEncrypted ? 'TLS' : 'no TLS',
    access.isAuthenticated ? 'with a credential' : 'no API key or client certificate',
  ].join(', ')
  if (access.isEncrypted && access.isAuthenticated) return { ...finding, detail: `${answers}; ${how}` }
  if (access.isLocal) return { ...finding, detail: `${answers}; ${how}: every process on this machine may use it` }
  const danger = access.isAuthenticated
    ? 'the credential and the histories of incidents can be read on the network'
    : 'unless the network prevents it, anybody who reaches the address can stop incidents and read their histories'
  return {
    ...finding,
    warning: true,
    detail: `${answers}; ${how}: ${danger}`,
    fix: "configure mTLS or an API key on the server, and TEMPORAL_TLS_… or TEMPORAL_API_KEY here (Temporal's environment variables or profile)",
  }
}

/** Missing search attributes give only a warning: incidents run without them, but people cannot find incidents by them in Temporal's UI. */
export function searchFindings({
  namespace,
  missingSearchAttributes: missing,
}: Pick<TemporalStatus, 'namespace' | 'missingSearchAttributes'>): DoctorFinding[] {
  if (missing?.length === 0) return []
  const why =
    missing === undefined
      ? 'the server does not let this client see or register search attributes'
      : `namespace ${namespace} has no search attribute ${missing.join(', ')}; the worker registers them when it starts, if the server permits it`
  const detail = `${why}. Incidents run without them; in Temporal's UI they cannot be found by type and outcome`
  return [{ name: 'Temporal search', ok: true, detail }]
}

export function workerFinding(
  { queues }: Pick<TemporalStatus, 'queues'>,
  expected: boolean,
  start: string,
): DoctorFinding {
  const idle = queues.filter(({ workers }) => workers.length === 0).map(({ queue }) => queue)
  if (idle.length === 0) {
    const workers = [...new Set(queues.flatMap((one) => one.workers))]
    return {
      name: 'worker',
      ok: true,
      detail: `${workers.join(', ')} polls ${queues.map((one) => one.queue).join(', ')}`,
    }
  }
  const detail = `no worker polls ${idle.join(', ')}: incidents wait until a worker runs`
  const fix = `run ${start}, or only a worker: "runbook worker"`
  return expected
    ? { name: 'worker', ok: false, detail, fix }
    : { name: 'worker', ok: true, warning: true, detail, fix }
}
