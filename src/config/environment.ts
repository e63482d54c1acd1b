import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The process's environment, and the `KEY=VALUE` lines of `.runbook/env` in the configuration's directory for variables that the process
 * does not have. An empty variable counts as not set. `warnings` names the file when other users of this machine can read it.
 */
export function readEnvironment(
  directory: string,
  env: Record<string, string | undefined>,
): { environment: Record<string, string>; warnings: string[] } {
  const path = join(directory, '.runbook', 'env')
  const environment = parseEnvFile(readOptional(path))
  for (const [name, value] of Object.entries(env)) if (value) environment[name] = value
  return { environment, warnings: openToOthers(path) ? [`${path} can be read by others: chmod 600 ${path}`] : [] }
}

/** Understands `export` before a name, quotes around a value, blank lines and `#` comments. Expands nothing. */
export function parseEnvFile(text: string): Record<string, string> {
  const values: Record<string, string> = Object.create(null)
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line)
    if (!match) continue
    const value = match[2]!.trim()
    const quoted = /^(["'])(.*)\1$/.exec(value)
    values[match[1]!] = quoted ? quoted[2]! : value
  }
  return values
}

function readOptional(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

function openToOthers(path: string): boolean {
  try {
    return process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0
  } catch {
    return false
  }
}
