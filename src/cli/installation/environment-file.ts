import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { envFileLine, parseEnvFile } from '../../config/environment.ts'

/**
 * The file `.runbook/env` of a folder. It holds addresses and secrets for the programs that are started there. Variables in the environment
 * of a program override the file.
 */
function environmentPath(root: string): string {
  return join(root, '.runbook', 'env')
}

export function readEnvironmentFile(root: string): Record<string, string> {
  try {
    return parseEnvFile(readFileSync(environmentPath(root), 'utf8'))
  } catch {
    return {}
  }
}

/** Sets variables and keeps the others. The file is replaced in one step; only its owner can read it. */
export function updateEnvironmentFile(root: string, values: Record<string, string>): Record<string, string> {
  const all = { ...readEnvironmentFile(root), ...values }
  const path = environmentPath(root)
  mkdirSync(dirname(path), { recursive: true })
  const lines = Object.entries(all).map(([name, value]) => envFileLine(name, value))
  writeFileSync(
    `${path}.new`,
    `# Written by "runbook" commands. Contains secrets: do not share or commit it.\n${lines.join('\n')}\n`,
    {
      mode: 0o600,
    },
  )
  chmodSync(`${path}.new`, 0o600)
  renameSync(`${path}.new`, path)
  return all
}
