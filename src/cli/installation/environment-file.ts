import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseEnvFile } from '../../config/environment.ts'

/** `.runbook/env` of a folder: addresses and secrets that the programs started there find beneath their environment. */
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

/** Sets variables and keeps the others; replaced whole, readable by its owner alone. */
export function updateEnvironmentFile(root: string, values: Record<string, string>): Record<string, string> {
  const all = { ...readEnvironmentFile(root), ...values }
  const path = environmentPath(root)
  mkdirSync(dirname(path), { recursive: true })
  const lines = Object.entries(all).map(([name, value]) => `${name}=${value}`)
  writeFileSync(`${path}.new`, `# Written by "runbook up". Secrets: keep it to yourself.\n${lines.join('\n')}\n`, {
    mode: 0o600,
  })
  chmodSync(`${path}.new`, 0o600)
  renameSync(`${path}.new`, path)
  return all
}
