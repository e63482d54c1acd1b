import type { StoredEvent } from '../../core/events.ts'
import { timelineEntry } from './timeline.ts'
import type { DeviationView } from './view-types.ts'

/** What in an event differs from the course that the runbook describes; undefined if nothing does. */
export function deviationOf(event: StoredEvent): DeviationView | undefined {
  const what = whatOf(event)
  if (what === undefined) return undefined
  const { seq, at, text } = timelineEntry(event)
  return { what, at, event: seq, text }
}

function whatOf(event: StoredEvent): DeviationView['what'] | undefined {
  switch (event.kind) {
    case 'gate':
      // A gate that was opened for more people was not decided in time.
      if (event.data.state === 'open') return 'late'
      return event.data.state === 'expired' || event.data.state === 'lapsed' ? 'expired' : undefined
    case 'recheck':
      return Object.keys(event.data.skipped).length > 0 ? 'skipped' : undefined
    case 'decision':
      return event.data.breakGlass === undefined ? undefined : 'break-glass'
    case 'withdrawal':
      return 'withdrawn'
    case 'denied':
      return 'refused'
    case 'effect':
      return event.data.result === 'applied' ? undefined : event.data.result
    case 'unexpected':
      return 'ineffective'
    case 'verified':
      return event.data.held || event.data.unseen ? undefined : 'ineffective'
    case 'stopped':
      return 'stopped'
    case 'unreachable':
      return 'outage'
    case 'delivery':
      return event.data.result.startsWith('notified') ? undefined : 'not delivered'
    case 'control':
      return event.data.on ? 'control' : undefined
    case 'cancel':
      return 'cancelled'
    default:
      return undefined
  }
}
