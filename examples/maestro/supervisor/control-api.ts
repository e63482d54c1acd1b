import { health, type Routes } from '../http/serve.ts'
import { MaestroError } from '../errors.ts'
import type { Crew } from './crew.ts'
import { DRAIN_MS } from './crew.ts'
import type { KeptProcess, ProcessStatus } from './keep-process.ts'
import { SERVICES, type Service, type SupervisorState } from './state-file.ts'

/** Answer of `GET /status`. */
export interface SupervisorStatus {
  pid: number
  ports: SupervisorState['ports']
  held: number
  skipStalledCheck: boolean
  services: ProcessStatus[]
  workers: ProcessStatus[]
}

export interface Controlled {
  state: SupervisorState
  services: Record<Service, KeptProcess>
  crew: Crew
  shutDown: () => void
}

/** What the CLI asks of the supervisor. Changes take turns. */
export function controlRoutes({ state, services, crew, shutDown }: Controlled): Routes {
  const status = (): SupervisorStatus => ({
    pid: process.pid,
    ports: state.ports,
    held: crew.held,
    skipStalledCheck: crew.options.skipStalledCheck,
    services: SERVICES.map((name) => services[name].status()),
    workers: crew.status(),
  })
  let before: Promise<unknown> = Promise.resolve()
  const inTurn = async (change: () => Promise<void>): Promise<{ body: SupervisorStatus }> => {
    const mine = before.then(change)
    before = mine.catch(() => {})
    await mine
    return { body: status() }
  }
  return {
    'GET /health': () =>
      health(async () => refuseUnready([...Object.values(services).map((one) => one.status()), ...crew.status()])),
    'GET /status': () => ({ body: status() }),
    'POST /workers/scale': ({ count }) => inTurn(() => crew.scale(Number(count))),
    'POST /workers/kill': ({ names, holdNone }) =>
      inTurn(() => crew.kill(Array.isArray(names) ? names.map(String) : undefined, holdNone === true)),
    'POST /workers/options': ({ skipStalledCheck }) =>
      inTurn(() => crew.restart({ skipStalledCheck: skipStalledCheck === true })),
    'POST /services/stop': ({ service }) => inTurn(() => services[known(service)].stop(DRAIN_MS)),
    'POST /services/start': ({ service }) => inTurn(() => services[known(service)].start()),
    'POST /restart': () =>
      inTurn(async () => {
        await Promise.all([crew.restart(), restartService(services.orchestrator)])
      }),
    'POST /shutdown': () => {
      shutDown()
      return { body: status() }
    },
  }
}

function refuseUnready(processes: ProcessStatus[]): void {
  const unready = processes.filter((one) => one.state !== 'ready').map((one) => `${one.name} is ${one.state}`)
  if (unready.length > 0) throw new Error(unready.join(', '))
}

async function restartService(service: KeptProcess): Promise<void> {
  await service.stop(DRAIN_MS)
  await service.start()
}

function known(service: unknown): Service {
  const found = SERVICES.find((name) => name === service)
  if (!found) throw new MaestroError('usage', `unknown service "${String(service)}": use ${SERVICES.join(' or ')}`)
  return found
}
