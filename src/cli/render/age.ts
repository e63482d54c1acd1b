import { humanDuration } from '../../core/duration.ts'

const DAY_MS = 86_400_000

/** A duration as text, such as `2m 03s`; from two days on, such as `3d 4h`. */
export function ageText(ms: number): string {
  if (ms < 2 * DAY_MS) return humanDuration(Math.max(0, ms))
  const days = Math.floor(ms / DAY_MS)
  return `${days}d ${Math.floor((ms % DAY_MS) / 3_600_000)}h`
}

/** The time of day of an instant (ISO 8601, UTC): `03:12:50Z`. The Z shows that it is UTC, not the reader's local time. */
export function clockText(at: string): string {
  return `${at.slice(11, 19)}Z`
}
