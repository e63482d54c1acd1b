import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { RunbookError } from '../core/errors.ts'
import { decodeTextFile, notUtf8 } from '../core/text-file.ts'

/**
 * Reads the environment of the process. For variables that the process does not have, it reads the `KEY=VALUE` lines of `.runbook/env` in
 * the configuration's directory. An empty variable counts as not set. `warnings` names the file if other users of this machine can read it.
 */
export function readEnvironment(
  directory: string,
  env: Record<string, string | undefined>,
): { environment: Record<string, string>; warnings: string[] } {
  const path = join(directory, '.runbook', 'env')
  const text = readOptional(path)
  const unreadable = notUtf8(text)
  if (unreadable) {
    const line = text.slice(0, unreadable.index).split('\n').length
    throw new RunbookError('RUNBOOK_CONFIG', `${path}:${line}: ${unreadable.message}`, { path })
  }
  const environment = parseEnvFile(text)
  for (const [name, value] of Object.entries(env)) if (value) environment[name] = value
  return { environment, warnings: openToOthers(path) ? [`${path} can be read by others: chmod 600 ${path}`] : [] }
}

/**
 * Reads `NAME=value` lines. `export` before a name, quotes around a value, blank lines and `#` comments are understood; nothing is
 * expanded. A `#` after a value begins a comment only if the value is quoted, because an unquoted value, for example a password, may contain `#`.
 *
 * Not `util.parseEnv`: its results differ between Node versions. 20.19.0 invents a variable from `A=sha256:x==`, 20.20 cuts
 * unquoted values at `#`, and 22 and 24 give the next line to a variable that is followed by blanks only.
 */
export function parseEnvFile(text: string): Record<string, string> {
  const values: Record<string, string> = Object.create(null)
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(line)
    if (!match) continue
    const value = match[2]!.trim()
    const quoted = /^(["'])(.*)\1(?:\s+#.*)?$/s.exec(value)
    values[match[1]!] = quoted ? quoted[2]! : value
  }
  return values
}

/**
 * A line that `parseEnvFile` reads as this variable.
 * @throws Error for a value with a line break, which the format cannot hold
 */
export function envFileLine(name: string, value: string): string {
  if (/[\r\n]/.test(value)) throw new Error(`${name} contains a line break, which an environment file cannot hold`)
  const line = `${name}=${value}`
  return parseEnvFile(line)[name] === value ? line : `${name}="${value}"`
}

function readOptional(path: string): string {
  try {
    return decodeTextFile(readFileSync(path))
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
