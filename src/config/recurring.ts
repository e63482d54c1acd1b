import { Cron } from 'croner'
import type { RecurringMaintenance } from './config.ts'

/** Whether croner understands the text as five fields; it also accepts seconds, years and dates, which are not documented here. */
export function isCron(text: string): boolean {
  return text.trim().split(/\s+/).length === 5 && canParse(text, 'UTC')
}

export function isTimezone(name: string): boolean {
  return canParse('0 0 * * *', name)
}

function canParse(text: string, timezone: string): boolean {
  try {
    return new Cron(text, { timezone, paused: true }).nextRun() !== null
  } catch {
    return false
  }
}

/** The time of a recurring window: the one that contains `now`, otherwise the next one. Null if there is none any more. */
export function windowAt(
  { cron, timezone, forMs }: Pick<RecurringMaintenance, 'cron' | 'timezone' | 'forMs'>,
  now: Date,
): { startsAt: Date; endsAt: Date } | null {
  const startsAt = new Cron(cron, { timezone, paused: true }).nextRun(new Date(now.getTime() - forMs))
  return startsAt && { startsAt, endsAt: new Date(startsAt.getTime() + forMs) }
}
