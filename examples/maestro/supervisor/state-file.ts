import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export type Service = 'orchestrator' | 'ml-inference'
export const SERVICES: readonly Service[] = ['orchestrator', 'ml-inference']

/** Contents of `<dir>/state.json`, which a running supervisor writes. Only the file's owner can read it. */
export interface SupervisorState {
  pid: number
  /** Token for the header `x-maestro-token` of the control API. */
  token: string
  prefix: string
  startedAt: string
  ports: Record<Service | 'supervisor', number>
}

const statePath = (dir: string): string => join(dir, 'state.json')

export function readState(dir: string): SupervisorState | undefined {
  if (!existsSync(statePath(dir))) return undefined
  try {
    return JSON.parse(readFileSync(statePath(dir), 'utf8')) as SupervisorState
  } catch {
    return undefined
  }
}

/** Writes `state.json`, and `env` with the addresses for other programs. */
export function writeState(dir: string, state: SupervisorState): void {
  mkdirSync(dir, { recursive: true })
  replaceFile(statePath(dir), `${JSON.stringify(state, null, 2)}\n`)
  const url = (service: Service): string => `http://127.0.0.1:${state.ports[service]}`
  replaceFile(
    join(dir, 'env'),
    [
      `MAESTRO_URL=${url('orchestrator')}`,
      `MAESTRO_METRICS_URL=${url('orchestrator')}/metrics`,
      `MAESTRO_HEALTH_URL=${url('orchestrator')}/health`,
      `ML_URL=${url('ml-inference')}`,
      `MAESTRO_LOGS=${join(dir, 'logs', '*.jsonl')}`,
      '',
    ].join('\n'),
  )
}

export function removeState(dir: string): void {
  rmSync(statePath(dir), { force: true })
}

function replaceFile(path: string, text: string): void {
  writeFileSync(`${path}.new`, text, { mode: 0o600 })
  renameSync(`${path}.new`, path)
}
