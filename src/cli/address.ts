import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { readEnvironment } from '../config/environment.ts'
import { RunbookError } from '../core/errors.ts'
import { startCommand } from './start-command.ts'
import { isThisMachine } from './this-machine.ts'

export interface Address {
  /** The API's address, without a slash at the end. */
  url: string
  token: string | undefined
  /** The quoted command that starts the API in this folder; default `"runbook up"`. */
  start?: string
  /** Receives the version that the API names in each answer; null if it names none. */
  onVersion?: (version: string | null) => void
}

export const CONFIG_FILE = 'runbook.config.yaml'
const DEFAULT_URL = 'http://127.0.0.1:8080'

/**
 * The address of the API and the caller's token. Both come from the same source: the environment (RUNBOOK_URL, RUNBOOK_TOKEN), else
 * `.runbook/env` of the project directory. Any cloned repository can contain such a file, so a token from the environment is never sent to
 * an address from a file. Throws `RUNBOOK_CONFIG`.
 */
export function readAddress(cwd: string, env: Record<string, string | undefined>): Address {
  const directory = projectDirectory(cwd)
  const { environment: file } = readEnvironment(directory, {})
  const start = startCommand(directory)
  const own = env.RUNBOOK_URL || undefined
  const url = parseUrl(own ?? file.RUNBOOK_URL ?? DEFAULT_URL)
  const isFileUrl = file.RUNBOOK_URL !== undefined && url === parseUrl(file.RUNBOOK_URL)
  if (own === undefined && isFileUrl && env.RUNBOOK_TOKEN && env.RUNBOOK_TOKEN !== file.RUNBOOK_TOKEN)
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `RUNBOOK_TOKEN is set, and the API's address ${url} comes from ${join(directory, '.runbook', 'env')}, which may not be yours: the token was not sent. To send it there, set RUNBOOK_URL=${url} too; to use the file's token, unset RUNBOOK_TOKEN.`,
    )
  const token = env.RUNBOOK_TOKEN || (isFileUrl ? file.RUNBOOK_TOKEN : undefined)
  if (token !== undefined) requireEncryption(url, env)
  return { url, token, start }
}

function parseUrl(url: string): string {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new RunbookError(
      'RUNBOOK_CONFIG',
      `RUNBOOK_URL is not an http address: ${url}. Set it to the API's address, such as ${DEFAULT_URL}.`,
    )
  return url.replace(/\/+$/, '')
}

/** Refuses to send a token over plain HTTP, because anybody on the network path could read the token and use it. */
function requireEncryption(url: string, env: Record<string, string | undefined>): void {
  const { protocol, hostname } = new URL(url)
  if (protocol === 'https:' || isThisMachine(hostname) || env.RUNBOOK_PLAIN_HTTP === '1') return
  throw new RunbookError(
    'RUNBOOK_CONFIG',
    `RUNBOOK_URL is ${url}: over plain HTTP your token can be read on the network, so it was not sent. Use https, or set RUNBOOK_PLAIN_HTTP=1 if that network is safe.`,
  )
}

/** The nearest directory, from `cwd` upwards, that has a configuration or `.runbook/env`; `cwd` if there is none. */
export function projectDirectory(cwd: string): string {
  for (let directory = cwd; ; directory = dirname(directory)) {
    if ([CONFIG_FILE, '.runbook/env'].some((name) => existsSync(join(directory, name)))) return directory
    if (dirname(directory) === directory) return cwd
  }
}
