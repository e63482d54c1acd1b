import type { ProposedAction } from '../../core/proposal.ts'

/** Where an action applies: `on maestro-db`, `in runs of maestro-db`, `to platform-support`. */
export function placeOf({ with: parameters }: Pick<ProposedAction, 'with'>): string {
  const { connection, table, channel } = parameters
  if (typeof channel === 'string') return `to ${channel}`
  if (typeof connection !== 'string') return ''
  return typeof table === 'string' ? `in ${table} of ${connection}` : `on ${connection}`
}
