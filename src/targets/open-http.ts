import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import type { HttpConnection } from '../config/config.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { decodedPart } from './explain-connection.ts'
import type { HttpTarget } from './targets.ts'

/** Link-local addresses, which are refused because clouds serve the credentials of their machines there. */
const forbidden = new BlockList()
forbidden.addSubnet('169.254.0.0', 16, 'ipv4')
forbidden.addSubnet('fe80::', 10, 'ipv6')
forbidden.addAddress('fd00:ec2::254', 'ipv6')

/**
 * The configured address with its host resolved. Throws RunbookError `RUNBOOK_CONFIG` for an invalid or link-local address,
 * `RUNBOOK_UNREACHABLE` for a name that cannot be resolved.
 */
export async function openHttp(connection: string, config: HttpConnection): Promise<HttpTarget> {
  const text = config.url.reveal()
  const baseUrl = URL.canParse(text) ? new URL(text) : undefined
  if (!baseUrl || !/^https?:$/.test(baseUrl.protocol))
    throw new RunbookError('RUNBOOK_CONFIG', `connection ${connection}: not an http:// or https:// address`)
  const headers: Record<string, string> = {}
  for (const [name, value] of Object.entries(config.headers)) headers[name] = value.reveal()
  if (baseUrl.username || baseUrl.password) {
    const user = `${decodedPart(baseUrl.username)}:${decodedPart(baseUrl.password)}`
    headers.authorization ??= `Basic ${Buffer.from(user).toString('base64')}`
    baseUrl.username = ''
    baseUrl.password = ''
  }
  const addresses = await resolveHost(connection, baseUrl)
  return { connection, baseUrl, addresses, headers, redact: config.redact }
}

async function resolveHost(connection: string, url: URL): Promise<HttpTarget['addresses']> {
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  let addresses: HttpTarget['addresses']
  try {
    addresses = isIP(host) ? [{ address: host, family: isIP(host) }] : await lookup(host, { all: true })
  } catch (error) {
    const message = `connection ${connection}: the host ${host} cannot be resolved: ${messageOf(error)}`
    throw new RunbookError('RUNBOOK_UNREACHABLE', message, { connection, address: url.host, down: true }, error)
  }
  const refused = addresses.find(({ address, family }) => forbidden.check(address, family === 6 ? 'ipv6' : 'ipv4'))
  if (refused) {
    const message = `connection ${connection}: ${host} is the link-local address ${refused.address}, which is not allowed`
    throw new RunbookError('RUNBOOK_CONFIG', message, { connection })
  }
  return addresses
}
