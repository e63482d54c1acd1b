import type { SupervisorStatus } from '../../supervisor/control-api.ts'
import { table } from '../table.ts'

/** The processes, and where they can be reached. */
export function statusText({ pid, ports, held, skipStalledCheck, services, workers }: SupervisorStatus): string {
  const addresses: Record<string, number> = { ...ports }
  return table(
    ['process', 'state', 'pid', 'crashes', 'address'],
    [
      ['supervisor', 'ready', pid, 0, `http://127.0.0.1:${ports.supervisor}`],
      ...services.map(({ name, state, pid, crashes }) => [
        name,
        state,
        pid ?? '-',
        crashes,
        `http://127.0.0.1:${addresses[name]}`,
      ]),
      ...workers.map(({ name, state, pid, crashes }) => [name, state, pid ?? '-', crashes, '-']),
    ],
  ).concat(`\n${held} workers are held${skipStalledCheck ? '; none of them checks for stalled jobs' : ''}`)
}
