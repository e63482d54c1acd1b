/** A person's answer to the question whether the runbook helped. */
export const HELPED = ['yes', 'partly', 'no'] as const
export type Helped = (typeof HELPED)[number]

/** Whether a text is a calendar date, such as `2026-03-31`. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false
  const at = new Date(`${text}T00:00:00Z`)
  return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 10) === text
}
