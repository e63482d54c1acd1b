/** The warning of a gate about rows that foreign keys change; undefined if there are none. */
export function cascadeWarning(cascades: string | undefined): string | undefined {
  if (cascades === undefined) return undefined
  return `also ${cascades}, because of foreign keys: these rows are not shown, and the undo may not restore them`
}

/** The same for the result of the action. */
export function alsoChanged(cascades: string | undefined): string {
  return cascades === undefined ? '' : ` (the database also ${cascades}, which are not counted)`
}
