import { generateKeyPairSync } from 'node:crypto'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, SignJWT, type JWTPayload } from 'jose'

/** A request that the identity provider received. */
export interface ReceivedRequest {
  method: string | undefined
  url: string | undefined
  headers: IncomingHttpHeaders
  body: string
}

export interface Token {
  /** A claim that is undefined is omitted. */
  claims?: Record<string, unknown>
  header?: { alg?: string; kid?: string; typ?: string }
  /** The signing key; default: the provider's own. */
  key?: Parameters<SignJWT['sign']>[0]
}

export interface IdentityProvider {
  issuer: string
  jwks: string
  requests: ReceivedRequest[]
  /** The public key whose id is `k1`, as JSON text. */
  publicKey: string
  /** The response to all later requests. Its body, by default the provider's keys, is sent only with the status 200. */
  answer: { status: number; headers?: Record<string, string>; body?: string }
  /** A valid token, with the given changes. */
  token(change?: Token): Promise<string>
  close(): Promise<void>
}

/** A provider on 127.0.0.1 that keeps all requests. */
export async function startIdentityProvider(audience: string): Promise<IdentityProvider> {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', use: 'sig', alg: 'RS256' }
  const requests: ReceivedRequest[] = []
  const provider: Pick<IdentityProvider, 'answer'> = { answer: { status: 200 } }
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += String(chunk)))
    request.on('end', () => {
      const { method, url, headers } = request
      requests.push({ method, url, headers, body })
      const { status, headers: more = {}, body: text = JSON.stringify({ keys: [jwk] }) } = provider.answer
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(status === 200 ? text : '')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return Object.assign(provider, {
    issuer,
    jwks: `${issuer}/keys`,
    requests,
    publicKey: JSON.stringify(jwk),
    token: ({ claims = {}, header = {}, key = privateKey }: Token = {}) => {
      const now = Math.floor(Date.now() / 1000)
      const usual = { iss: issuer, aud: audience, iat: now, exp: now + 300, sub: 'ada', groups: ['sre'] }
      const present = Object.entries({ ...usual, ...claims }).filter(([, value]) => value !== undefined)
      return new SignJWT(Object.fromEntries(present) as JWTPayload)
        .setProtectedHeader({ alg: 'RS256', kid: 'k1', typ: 'at+jwt', ...header })
        .sign(key)
    },
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  })
}
