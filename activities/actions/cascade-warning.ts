/** The warning of a gate about rows that foreign keys change; undefined if there are none. */
export function cascadeWarning(cascades: string | undefined): string | undefined {
  if (cascades === undefined) return undefined
  return `foreign keys make the database change more than the rows shown: the write also ${cascades}, and the undo may not restore these rows`
}

/** The same for the result of the action. */
export function alsoChanged(cascades: string | undefined): string {
  return cascades === undefined ? '' : ` (the database also ${cascades}, which are not counted)`
}
