const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const FORM = /^([1-9][0-9]{0,8})(ms|s|m|h|d)$/

/** The maximum of a timer in milliseconds. Timers hold at most 2^31 milliseconds (24.8 days); a longer timer ends at once. */
export const MAX_DURATION_MS = 24 * UNITS.d

/**
 * Converts a duration such as `30s`, `15m` or `24h` to milliseconds; undefined for any other text. A duration has one unit, no sign, and is
 * never 0.
 */
export function parseDuration(text: string): number | undefined {
  const match = FORM.exec(text)
  if (!match) return undefined
  return Number(match[1]) * UNITS[match[2] as keyof typeof UNITS]
}

/** Converts milliseconds to the shortest exact duration: 90000 becomes `90s`, 3600000 becomes `1h`. */
export function formatDuration(ms: number): string {
  const whole = Math.max(1, Math.round(ms))
  for (const unit of ['d', 'h', 'm', 's'] as const)
    if (whole % UNITS[unit] === 0) return `${whole / UNITS[unit]}${unit}`
  return `${whole}ms`
}

/** Converts milliseconds to a rounded text for display: `1h 05m`, `2m 03s`, `4.2s`, `12ms`. */
export function humanDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}ms`
  const seconds = ms / 1000
  if (seconds < 60) return `${seconds < 10 ? Math.round(seconds * 10) / 10 : Math.round(seconds)}s`
  const pad = (n: number) => String(n).padStart(2, '0')
  const total = Math.round(seconds)
  const [h, m, s] = [Math.floor(total / 3600), Math.floor((total % 3600) / 60), total % 60]
  return h > 0 ? `${h}h ${pad(m)}m` : `${m}m ${pad(s)}s`
}
