import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Provider } from 'oidc-provider'

/** A real OpenID provider on 127.0.0.1. It signs every browser in as `person`, without a form. */
export interface SignInProvider {
  issuer: string
  jwks: string
  /** The person whom the provider signs in next. */
  person: string
  /** The groups of each person at the provider. */
  groups: Record<string, string[]>
  /** Stops listening. The address of the provider stays the same. */
  stop(): Promise<void>
  start(): Promise<void>
}

export interface SignInClient {
  id: string
  secret: string
  redirectUri: string
}

export async function startSignInProvider(clients: SignInClient[]): Promise<SignInProvider> {
  const server = createServer()
  const port = await listen(server, 0)
  const issuer = `http://127.0.0.1:${port}`
  const state = { issuer, jwks: `${issuer}/jwks`, person: 'ada', groups: { ada: ['sre'] } as Record<string, string[]> }
  const provider = new Provider(issuer, {
    clients: clients.map(({ id, secret, redirectUri }) => ({
      ...{ client_id: id, client_secret: secret, redirect_uris: [redirectUri] },
    })),
    claims: { openid: ['sub'], groups: ['groups'] },
    scopes: ['openid', 'groups'],
    cookies: { keys: ['only for tests'] },
    pkce: { required: () => true },
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_, { uid }) => `/interaction/${uid}` },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, groups: state.groups[id] ?? [] }) }),
    loadExistingGrant: async ({ oidc }) => {
      const grant = new provider.Grant({
        accountId: oidc.session!.accountId!,
        clientId: oidc.client!.clientId,
      })
      grant.addOIDCScope('openid groups')
      await grant.save()
      return grant
    },
  })
  const answer = provider.callback()
  server.on('request', (request, response) => {
    if (!request.url?.startsWith('/interaction/')) return void answer(request, response)
    void provider.interactionFinished(request, response, { login: { accountId: state.person } })
  })
  return Object.assign(state, {
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
    start: async () => void (await listen(server, port)),
  })
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}
