import { MaestroError, messageOf } from '../errors.ts'
import type { SupervisorStatus } from './control-api.ts'
import { readState, type Service, type SupervisorState } from './state-file.ts'

/** Client of a running supervisor. Every change resolves when it is complete. */
export interface Control {
  state: SupervisorState
  status(): Promise<SupervisorStatus>
  scale(count: number): Promise<SupervisorStatus>
  killWorkers(options: { names?: string[]; scaleToZero?: boolean }): Promise<SupervisorStatus>
  setWorkerOptions(options: { skipStalledCheck: boolean }): Promise<SupervisorStatus>
  startService(service: Service): Promise<SupervisorStatus>
  stopService(service: Service): Promise<SupervisorStatus>
  restart(): Promise<SupervisorStatus>
  shutDown(): Promise<SupervisorStatus>
}

/** The supervisor of this folder, or undefined if it does not run or does not answer. */
export async function findControl(dir: string): Promise<Control | undefined> {
  const state = readState(dir)
  if (!state) return undefined
  const control = controlOf(state)
  return control.status().then(
    () => control,
    () => undefined,
  )
}

/** @throws MaestroError if Maestro is not running */
export async function requireControl(dir: string): Promise<Control> {
  const control = await findControl(dir)
  if (!control)
    throw new MaestroError(
      'failed',
      `Maestro is not running in ${dir}: run "npm start" to start it with its servers, or "npx maestro up" if they run already`,
    )
  return control
}

function controlOf(state: SupervisorState): Control {
  const call = async (method: string, path: string, body?: unknown): Promise<SupervisorStatus> => {
    let response: Response
    try {
      response = await fetch(`http://127.0.0.1:${state.ports.supervisor}${path}`, {
        method,
        headers: { 'content-type': 'application/json', 'x-maestro-token': state.token },
        body: body === undefined ? null : JSON.stringify(body),
        signal: AbortSignal.timeout(60_000),
      })
    } catch (error) {
      const reason = messageOf((error as Error).cause ?? error)
      throw new MaestroError(
        'failed',
        `the supervisor on port ${state.ports.supervisor} does not answer: ${reason}`,
        error,
      )
    }
    const answer = (await response.json()) as SupervisorStatus & { error?: string }
    if (!response.ok)
      throw new MaestroError(
        response.status === 400 ? 'usage' : 'failed',
        answer.error ?? `the supervisor answered ${response.status}`,
      )
    return answer
  }
  return {
    state,
    status: () => call('GET', '/status'),
    scale: (count) => call('POST', '/workers/scale', { count }),
    killWorkers: (options) => call('POST', '/workers/kill', options),
    setWorkerOptions: (options) => call('POST', '/workers/options', options),
    startService: (service) => call('POST', '/services/start', { service }),
    stopService: (service) => call('POST', '/services/stop', { service }),
    restart: () => call('POST', '/restart', {}),
    shutDown: () => call('POST', '/shutdown', {}),
  }
}
