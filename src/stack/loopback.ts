import { isIP } from 'node:net'
import { RunbookError } from '../core/errors.ts'

/** True for 127.0.0.0/8, ::1 and `localhost`. */
function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  if (bare === 'localhost' || bare === '::1') return true
  return isIP(bare) === 4 && bare.startsWith('127.')
}

/**
 * Parses `host:port` or a URL from an environment variable, and refuses a host other than this machine: the demo and the tests stop
 * servers and inject faults.
 */
export function requireLoopback(variable: string, value: string): URL {
  let url: URL
  try {
    url = new URL(value.includes('://') ? value : `tcp://${value}`)
  } catch {
    throw new RunbookError('RUNBOOK_CONFIG', `${variable} is not an address: expected host:port or a URL`)
  }
  // PostgreSQL and Redis clients use a host in the query string instead of the host in the URL.
  const overriding = url.searchParams.getAll('host').concat(url.searchParams.getAll('hostaddr'))
  const foreign = [url.hostname, ...overriding].find((host) => !isLoopback(host))
  if (foreign === undefined) return url
  throw new RunbookError(
    'RUNBOOK_CONFIG',
    `${variable} points to ${foreign || 'no host'}, but the embedded stack only uses this machine (127.0.0.1), because the demo and the tests inject faults. ` +
      `Unset ${variable}, or use \`runbook serve\` and \`runbook worker\` with a server on another machine.`,
    { variable, host: foreign },
  )
}
