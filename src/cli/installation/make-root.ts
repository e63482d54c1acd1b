import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseDocument } from 'yaml'

export interface RootOptions {
  /** The folder whose configuration is copied. The programs and runbooks of this folder are used without copying them. */
  pattern: string
  root: string
  /** The key prefix of the example system, which separates several example systems on one Redis. */
  maestroPrefix?: string
}

/**
 * Creates a folder with the pattern's configuration, but its own data, secrets and logs. For the demo and for tests, which must not
 * touch an installation that a person uses.
 */
export function makeRoot({ pattern, root, maestroPrefix }: RootOptions): void {
  const document = parseDocument(readFileSync(join(pattern, 'runbook.config.yaml'), 'utf8'))
  const runbooks = (document.toJS() as { runbooks: string[] }).runbooks
  document.setIn(
    ['runbooks'],
    runbooks.map((path) => join(pattern, path)),
  )
  document.setIn(['connections', 'maestro-ctl', 'cwd'], pattern)
  if (maestroPrefix) document.setIn(['connections', 'maestro-queue', 'prefix'], maestroPrefix)
  mkdirSync(root, { recursive: true })
  writeFileSync(join(root, 'runbook.config.yaml'), String(document))
}
