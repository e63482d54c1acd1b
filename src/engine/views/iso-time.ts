/**
 * A time of the database in ISO 8601, for a view. PostgreSQL's `infinity` is no date in JavaScript; it is shown as a
 * word.
 */
export function isoTime(time: Date | number): string {
  return time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : String(time)
}
