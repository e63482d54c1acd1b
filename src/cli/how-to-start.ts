import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './installation/package-root.ts'

/** What a person types in this folder to start everything: in a clone it comes with the example system. */
export function howToStart(directory: string): string {
  return isClone(directory) ? '"npm start"' : '"runbook up"'
}

/** How what is called `runbook` and `maestro` everywhere is typed in a clone, where nothing is on PATH; null elsewhere. */
export function howToCall(directory: string): string | null {
  return isClone(directory)
    ? 'Where "runbook …" or "maestro …" is said, type "npx runbook …", "npx maestro …" here.'
    : null
}

/** An installed package has no sources of the example. */
function isClone(directory: string): boolean {
  return directory === packageRoot() && existsSync(join(directory, 'examples', 'maestro', 'cli'))
}
