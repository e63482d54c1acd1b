import { humanDuration } from '../../core/duration.ts'

const DAY_MS = 86_400_000

/** How long ago something was, or how long it took: `2m 03s`, and from two days on `3d 4h`. */
export function ageText(ms: number): string {
  if (ms < 2 * DAY_MS) return humanDuration(Math.max(0, ms))
  const days = Math.floor(ms / DAY_MS)
  return `${days}d ${Math.floor((ms % DAY_MS) / 3_600_000)}h`
}

/** An instant (ISO 8601, UTC) as a time of day: `03:12:50Z`. The Z is said, for who reads it may live by another clock. */
export function clockText(at: string): string {
  return `${at.slice(11, 19)}Z`
}
