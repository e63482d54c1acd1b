import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readEnvironment } from '../config/environment.ts'
import { RunbookError } from '../core/errors.ts'
import { startCommand } from './start-command.ts'

export interface Address {
  /** Without a slash at the end. */
  url: string
  token: string | undefined
  /** The quoted command that starts the API here; default `"runbook up"`. */
  start?: string
}

export const CONFIG_FILE = 'runbook.config.yaml'
const DEFAULT_URL = 'http://127.0.0.1:8080'

/**
 * The address of the API and the caller's token: RUNBOOK_URL and RUNBOOK_TOKEN from the environment, else from `.runbook/env` of the
 * project directory.
 */
export function readAddress(cwd: string, env: Record<string, string | undefined>): Address {
  const directory = projectDirectory(cwd)
  const { environment } = readEnvironment(directory, env)
  const url = environment.RUNBOOK_URL ?? DEFAULT_URL
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `RUNBOOK_URL is not an http address: ${url}. Set it to the API's address, such as ${DEFAULT_URL}.`,
    )
  return { url: url.replace(/\/+$/, ''), token: environment.RUNBOOK_TOKEN, start: startCommand(directory) }
}

/** The nearest directory at or above `cwd` that has a configuration or `.runbook/env`; `cwd` if there is none. */
export function projectDirectory(cwd: string): string {
  for (let directory = cwd; ; directory = dirname(directory)) {
    if ([CONFIG_FILE, '.runbook/env'].some((name) => existsSync(join(directory, name)))) return directory
    if (dirname(directory) === directory) return cwd
  }
}
