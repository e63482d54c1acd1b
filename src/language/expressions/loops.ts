/** The functions that iterate over a list with a name for each item, for the checker and the reference. */
export const LOOPS: Record<string, { signature: string; summary: string; example: string }> = {
  exists: {
    signature: 'exists(list, name, condition) → bool',
    summary: 'Whether the condition is true for at least one item.',
    example: "jobs.rows.exists(j, j.id == r.job_id && j.lock == 'missing')",
  },
  all: {
    signature: 'all(list, name, condition) → bool',
    summary: 'Whether the condition is true for every item; true for an empty list.',
    example: "targets.all(t, after.rows.exists(r, r.id == t.id && r.status == 'COMPLETED'))",
  },
  exists_one: {
    signature: 'exists_one(list, name, condition) → bool',
    summary: 'Whether the condition is true for exactly one item.',
    example: 'workers.rows.exists_one(w, w.leader)',
  },
  filter: {
    signature: 'filter(list, name, condition) → list',
    summary: 'The items for which the condition is true.',
    example: 'stuckRuns.rows.filter(r, r.attempt > 1)',
  },
  map: {
    signature: 'map(list, name, value) → list',
    summary: 'The list of the values computed from each item.',
    example: 'stuckRuns.rows.map(r, r.id)',
  },
}

export function isLoop(name: string): boolean {
  return Object.hasOwn(LOOPS, name)
}
