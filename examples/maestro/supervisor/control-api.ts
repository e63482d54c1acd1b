import { health, type Routes } from '../http/serve.ts'
import { MaestroError } from '../errors.ts'
import type { WorkerPool } from './worker-pool.ts'
import { DRAIN_TIMEOUT_MS } from './worker-pool.ts'
import type { SupervisedProcess, ProcessStatus } from './supervised-process.ts'
import { SERVICES, type Service, type SupervisorState } from './state-file.ts'

/** Response of `GET /status`. */
export interface SupervisorStatus {
  pid: number
  ports: SupervisorState['ports']
  /** How many workers the supervisor keeps running. */
  targetCount: number
  skipStalledCheck: boolean
  services: ProcessStatus[]
  workers: ProcessStatus[]
}

export interface Controlled {
  state: SupervisorState
  services: Record<Service, SupervisedProcess>
  workerPool: WorkerPool
  shutDown: () => void
}

/** The API that the CLI uses to control the supervisor. Changes run one after the other. */
export function controlRoutes({ state, services, workerPool, shutDown }: Controlled): Routes {
  const status = (): SupervisorStatus => ({
    pid: process.pid,
    ports: state.ports,
    targetCount: workerPool.targetCount,
    skipStalledCheck: workerPool.options.skipStalledCheck,
    services: SERVICES.map((name) => services[name].status()),
    workers: workerPool.status(),
  })
  let previous: Promise<unknown> = Promise.resolve()
  const serialized = async (change: () => Promise<void>): Promise<{ body: SupervisorStatus }> => {
    const current = previous.then(change)
    previous = current.catch(() => {})
    await current
    return { body: status() }
  }
  return {
    'GET /health': () =>
      health(async () =>
        requireAllReady([...Object.values(services).map((one) => one.status()), ...workerPool.status()]),
      ),
    'GET /status': () => ({ body: status() }),
    'POST /workers/scale': ({ count }) => serialized(() => workerPool.scale(Number(count))),
    'POST /workers/kill': ({ names, scaleToZero }) =>
      serialized(() => workerPool.kill(Array.isArray(names) ? names.map(String) : undefined, scaleToZero === true)),
    'POST /workers/options': ({ skipStalledCheck }) =>
      serialized(() => workerPool.restart({ skipStalledCheck: skipStalledCheck === true })),
    'POST /services/stop': ({ service }) => serialized(() => services[parseService(service)].stop(DRAIN_TIMEOUT_MS)),
    'POST /services/start': ({ service }) => serialized(() => services[parseService(service)].start()),
    'POST /restart': () =>
      serialized(async () => {
        await Promise.all([workerPool.restart(), restartService(services.orchestrator)])
      }),
    'POST /shutdown': () => {
      shutDown()
      return { body: status() }
    },
  }
}

function requireAllReady(processes: ProcessStatus[]): void {
  const unready = processes.filter((one) => one.state !== 'ready').map((one) => `${one.name} is ${one.state}`)
  if (unready.length > 0) throw new Error(unready.join(', '))
}

async function restartService(service: SupervisedProcess): Promise<void> {
  await service.stop(DRAIN_TIMEOUT_MS)
  await service.start()
}

function parseService(service: unknown): Service {
  const found = SERVICES.find((name) => name === service)
  if (!found) throw new MaestroError('usage', `unknown service "${String(service)}": use ${SERVICES.join(' or ')}`)
  return found
}
