/** A time of the database for a view. PostgreSQL also has times that JavaScript has not, such as `infinity`: they are shown as they are. */
export function isoTime(time: Date | number): string {
  return time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : String(time)
}
