import {
  allowInsecureRequests,
  authorizationCodeGrant,
  AuthorizationResponseError,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientError,
  ClientSecretBasic,
  Configuration,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  None,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
  ResponseBodyError,
  WWWAuthenticateChallengeError,
  type IDToken,
} from 'openid-client'
import { z } from 'zod'
import type { Config, Oidc } from '../config/config.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import { identityIn, type Identity } from '../gate/oidc.ts'

const TIMEOUT_S = 5
/** How much time a person has to sign in at the provider. */
export const OIDC_SIGN_IN_LASTS_MS = 10 * 60_000

/** The path to which the provider sends the browser back, below the address of the pages. */
const OIDC_CALLBACK = '/sign-in/oidc/callback'

/** The secrets of one sign-in. The browser that began it keeps them in a cookie, so that no other browser can complete it. */
const attempt = z.strictObject({
  state: z.string(),
  nonce: z.string(),
  verifier: z.string(),
  next: z.string(),
  until: z.number(),
})

export interface OidcSignIn {
  /** Begins a sign-in: the provider's address for the browser, and what the browser must keep until it returns. */
  begin(next: string): Promise<{ address: string; kept: string }>
  /**
   * Completes a sign-in with the query of the address to which the provider sent the browser. The provider's answer counts only if its
   * ID token was verified. Throws `RUNBOOK_NOT_AUTHENTICATED`, `RUNBOOK_UNREACHABLE`, `RUNBOOK_CONFIG`.
   */
  finish(query: string, kept: string | undefined): Promise<{ identity: Identity; next: string }>
}

/** The sign-in at the identity provider; undefined if none is configured. */
export function openOidcSignIn({ oidc, url }: Pick<Config, 'oidc' | 'url'>): OidcSignIn | undefined {
  if (!oidc?.signIn || url === undefined) return undefined
  const { scopes } = oidc.signIn
  const provider = openProvider(oidc)
  return {
    begin: async (next) => {
      const client = await provider()
      const secrets = { state: randomState(), nonce: randomNonce(), verifier: randomPKCECodeVerifier() }
      const address = buildAuthorizationUrl(client, {
        redirect_uri: `${url}${OIDC_CALLBACK}`,
        scope: scopes.join(' '),
        state: secrets.state,
        nonce: secrets.nonce,
        code_challenge: await calculatePKCECodeChallenge(secrets.verifier),
        code_challenge_method: 'S256',
      })
      const kept = JSON.stringify({ ...secrets, next, until: Date.now() + OIDC_SIGN_IN_LASTS_MS })
      return { address: address.href, kept: Buffer.from(kept).toString('base64url') }
    },
    finish: async (query, text) => {
      const kept = readAttempt(text)
      if (!kept)
        throw refused(
          `the sign-in was not begun in this browser at ${url} in the last ten minutes. Begin again at ${url}/sign-in`,
        )
      const client = await provider()
      try {
        const tokens = await authorizationCodeGrant(client, new URL(`${url}${OIDC_CALLBACK}${query}`), {
          expectedState: kept.state,
          expectedNonce: kept.nonce,
          pkceCodeVerifier: kept.verifier,
          idTokenExpected: true,
        })
        const claims = await allClaims(client, oidc, tokens.claims()!, tokens.access_token)
        return { identity: identityIn(oidc, claims), next: kept.next }
      } catch (error) {
        throw refusal(oidc, error)
      }
    },
  }
}

/** Some providers send groups only with the user information, and not in the ID token. */
async function allClaims(client: Configuration, { groupsClaim, name }: Oidc, claims: IDToken, token: string) {
  const isComplete = claims[groupsClaim] !== undefined && claims[name] !== undefined
  if (isComplete || client.serverMetadata().userinfo_endpoint === undefined) return claims
  return { ...(await fetchUserInfo(client, token, claims.sub)), ...claims }
}

function readAttempt(text: string | undefined): z.infer<typeof attempt> | undefined {
  try {
    const read = attempt.parse(JSON.parse(Buffer.from(text ?? '', 'base64url').toString()))
    return read.until > Date.now() ? read : undefined
  } catch {
    return undefined
  }
}

/**
 * Asks the provider for its endpoints. The answer is kept; after a failure the provider is asked again. Keys and algorithms come from the
 * configuration, not from the provider's description.
 */
function openProvider(oidc: Oidc): () => Promise<Configuration> {
  let found: Promise<Configuration> | undefined
  return () => {
    found ??= discover(oidc).catch((error: unknown) => {
      found = undefined
      throw refusal(oidc, error)
    })
    return found
  }
}

async function discover({ issuer, jwks, algorithms, signIn }: Oidc): Promise<Configuration> {
  const { clientId, clientSecret } = signIn!
  const prepare = [enableNonRepudiationChecks, ...(issuer.startsWith('http:') ? [allowInsecureRequests] : [])]
  const authentication = clientSecret ? ClientSecretBasic(clientSecret.reveal()) : None()
  const options = { timeout: TIMEOUT_S, execute: prepare }
  const described = await discovery(new URL(issuer), clientId, undefined, authentication, options)
  const { supportsPKCE: _, ...server } = described.serverMetadata()
  const trusted = { ...server, jwks_uri: jwks, id_token_signing_alg_values_supported: algorithms }
  const client = new Configuration(trusted, clientId, undefined, authentication)
  client.timeout = TIMEOUT_S
  for (const set of prepare) set(client)
  return client
}

/** Errors of the client library if no answer arrives, or if the answer does not come from a provider. */
const NO_ANSWER = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
])

function refusal({ issuer }: Oidc, error: unknown): RunbookError {
  if (error instanceof RunbookError) return error
  const isClientRefused =
    error instanceof WWWAuthenticateChallengeError ||
    (error instanceof ResponseBodyError && /^(invalid|unauthorized)_client$/.test(error.error))
  if (isClientRefused)
    return new RunbookError(
      'RUNBOOK_CONFIG',
      `the identity provider ${issuer} does not accept this engine: check oidc.signIn.clientId and clientSecret. Until then, sign in with your token.`,
      {},
      error,
    )
  if (error instanceof ResponseBodyError || error instanceof AuthorizationResponseError)
    return refused(`the provider answered ${/^[\w.-]{1,60}$/.exec(error.error)?.[0] ?? 'with an error'}`)
  const isAnswer = error instanceof ClientError && !NO_ANSWER.has(error.code ?? '')
  if (isAnswer) return refused(messageOf(error.cause ?? error))
  return new RunbookError(
    'RUNBOOK_UNREACHABLE',
    `the identity provider ${issuer} does not answer as expected (${messageOf(error)}). Sign in with your token, or try again later.`,
    {},
    error,
  )
}

function refused(why: string): RunbookError {
  return new RunbookError('RUNBOOK_NOT_AUTHENTICATED', `the sign-in at the identity provider is refused: ${why}`)
}
