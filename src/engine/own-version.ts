import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The response header with which the API names its version to callers that it knows. */
export const VERSION_HEADER = 'runbook-version'

/** The version of this program, from its package.json. */
export function ownVersion(): string {
  for (let directory = import.meta.dirname; ; directory = dirname(directory)) {
    const file = join(directory, 'package.json')
    if (existsSync(file)) return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
    if (dirname(directory) === directory) return 'unknown'
  }
}
