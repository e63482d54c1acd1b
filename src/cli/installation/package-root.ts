import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root folder of this package, which contains `bin/`, even when this file is the compiled one in `dist/`. */
export function packageRoot(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at))
    if (existsSync(join(at, 'bin', 'runbook.js'))) return at
  throw new Error('bin/runbook.js was not found in any parent folder')
}
