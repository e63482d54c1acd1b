import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The folder of the package that this file belongs to, compiled or not: where `bin/` is. */
export function packageRoot(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at))
    if (existsSync(join(at, 'bin', 'runbook.js'))) return at
  throw new Error('bin/runbook.js is not where it should be')
}
