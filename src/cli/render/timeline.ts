import { humanDuration } from '../../core/duration.ts'
import { visibleLine } from '../../core/displayable.ts'
import type { TimelineEntry } from '../../engine/views/view-types.ts'
import { clockText } from './age.ts'

/** One event on one line: time of day, time since the incident was opened, and text. Not cut, so that `grep` finds everything. */
export function timelineLine({ at, text }: TimelineEntry, opened: string): string {
  const since = humanDuration(Math.max(0, Date.parse(at) - Date.parse(opened)))
  return `${clockText(at)} ${`+${since}`.padEnd(8)} ${visibleLine(text)}`
}
