import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './installation/package-root.ts'

/** The quoted command that starts everything in this directory. In a clone it also starts the example system. */
export function startCommand(directory: string): string {
  return isClone(directory) ? '"npm start"' : '"runbook up"'
}

/** In a clone, where `runbook` and `maestro` are not on PATH, a hint that says how to call them; elsewhere null. */
export function npxHint(directory: string): string | null {
  return isClone(directory)
    ? 'In this folder, type "npx runbook …" and "npx maestro …" instead of "runbook …" and "maestro …".'
    : null
}

/** An installed package does not contain the sources of the example. */
function isClone(directory: string): boolean {
  return directory === packageRoot() && existsSync(join(directory, 'examples', 'maestro', 'cli'))
}
