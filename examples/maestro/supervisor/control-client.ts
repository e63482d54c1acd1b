import { MaestroError, messageOf } from '../errors.ts'
import type { SupervisorStatus } from './control-api.ts'
import { readState, type Service, type SupervisorState } from './state-file.ts'

/** The running supervisor, as the CLI speaks to it. Every change resolves when it is done. */
export interface Control {
  state: SupervisorState
  status(): Promise<SupervisorStatus>
  scale(count: number): Promise<SupervisorStatus>
  killWorkers(options: { names?: string[]; holdNone?: boolean }): Promise<SupervisorStatus>
  setWorkerOptions(options: { skipStalledCheck: boolean }): Promise<SupervisorStatus>
  startService(service: Service): Promise<SupervisorStatus>
  stopService(service: Service): Promise<SupervisorStatus>
  restart(): Promise<SupervisorStatus>
  shutDown(): Promise<SupervisorStatus>
}

/** The supervisor of this folder if it runs and answers, else undefined. */
export async function findControl(dir: string): Promise<Control | undefined> {
  const state = readState(dir)
  if (!state) return undefined
  const control = controlOf(state)
  return control.status().then(
    () => control,
    () => undefined,
  )
}

/** @throws MaestroError when Maestro is not up */
export async function needControl(dir: string): Promise<Control> {
  const control = await findControl(dir)
  if (!control)
    throw new MaestroError(
      'failed',
      `Maestro is not running in ${dir}: "npm start" starts it with all that it needs, "npx maestro up" alone`,
    )
  return control
}

function controlOf(state: SupervisorState): Control {
  const ask = async (method: string, path: string, body?: unknown): Promise<SupervisorStatus> => {
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
    if (!response.ok) throw new MaestroError(response.status === 400 ? 'usage' : 'failed', answer.error ?? 'failed')
    return answer
  }
  return {
    state,
    status: () => ask('GET', '/status'),
    scale: (count) => ask('POST', '/workers/scale', { count }),
    killWorkers: (options) => ask('POST', '/workers/kill', options),
    setWorkerOptions: (options) => ask('POST', '/workers/options', options),
    startService: (service) => ask('POST', '/services/start', { service }),
    stopService: (service) => ask('POST', '/services/stop', { service }),
    restart: () => ask('POST', '/restart', {}),
    shutDown: () => ask('POST', '/shutdown', {}),
  }
}
