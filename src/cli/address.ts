import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readEnvironment } from '../config/environment.ts'
import { RunbookError } from '../core/errors.ts'
import { howToStart } from './how-to-start.ts'

export interface Address {
  /** Without a slash at its end. */
  url: string
  token: string | undefined
  /** What a person types to start it; `runbook up` unless said. */
  start?: string
}

export const CONFIG_FILE = 'runbook.config.yaml'
const DEFAULT_URL = 'http://127.0.0.1:8080'

/**
 * Where the API is and who asks: RUNBOOK_URL and RUNBOOK_TOKEN, beneath them `.runbook/env` of the directory with the configuration,
 * which is `cwd` or the nearest one above it.
 */
export function readAddress(cwd: string, env: Record<string, string | undefined>): Address {
  const directory = projectDirectory(cwd)
  const { environment } = readEnvironment(directory, env)
  const url = environment.RUNBOOK_URL ?? DEFAULT_URL
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new RunbookError('RUNBOOK_CONFIG', `RUNBOOK_URL is not an http address: ${url}`)
  return { url: url.replace(/\/+$/, ''), token: environment.RUNBOOK_TOKEN, start: howToStart(directory) }
}

/** The directory with the configuration: `cwd`, or the nearest one above it. */
export function projectDirectory(cwd: string): string {
  for (let directory = cwd; ; directory = dirname(directory)) {
    if ([CONFIG_FILE, '.runbook/env'].some((name) => existsSync(join(directory, name)))) return directory
    if (dirname(directory) === directory) return cwd
  }
}
