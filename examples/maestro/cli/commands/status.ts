import type { SupervisorStatus } from '../../supervisor/control-api.ts'
import { table } from '../table.ts'

/** The processes, and where they can be reached. */
export function statusText(status: SupervisorStatus): string {
  const addresses: Record<string, number> = { ...status.ports }
  const address = (name: string): string => (addresses[name] ? `http://127.0.0.1:${addresses[name]}` : '-')
  const rows = [
    ['supervisor', 'ready', status.pid, 0, address('supervisor')],
    ...[...status.services, ...status.workers].map(({ name, state, pid, crashes }) => [
      name,
      state,
      pid ?? '-',
      crashes,
      address(name),
    ]),
  ]
  const held = `${status.held} workers are held`
  const checks = status.skipStalledCheck ? '; none of them checks for stalled jobs' : ''
  return `${table(['process', 'state', 'pid', 'crashes', 'address'], rows)}\n${held}${checks}`
}
