import type { FileStatus } from '../../core/file-status.ts'

/** What a person must know about the version of the files that the API uses; empty if the API uses the present files. */
export function fileWarnings(files: FileStatus | undefined): string[] {
  // An API of an older version does not report the status of its files.
  if (files === undefined) return []
  const { loadedAt, problems, restart } = files
  const [first, ...more] = problems
  return [
    ...(first === undefined
      ? []
      : [
          `The API does not use the present runbooks and configuration, but those that it read at ${loadedAt}, because of ${more.length + 1 === 1 ? 'an error' : `${more.length + 1} errors`}: ${first}. "runbook lint" and "runbook doctor" show all errors.`,
        ]),
    ...(restart.length === 0
      ? []
      : [
          `The configuration was changed in ${restart.join(', ')}. Restart the API and the worker to put this into effect; "runbook up --only engine" does this where "runbook up" runs.`,
        ]),
  ]
}
