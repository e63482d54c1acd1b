import type { Config } from '../config/config.ts'
import { isRunbookError } from '../core/errors.ts'
import type { People, Person } from '../core/person.ts'
import { authenticate } from '../gate/authenticate.ts'
import { openOidc } from '../gate/oidc.ts'

/** The form of a signed JWT: header, claims and signature. */
const SIGNED_JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/

/**
 * Finds the person to whom a bearer token belongs. The token is the token of a configured person or, if an identity provider is configured,
 * a token that the provider issued. Throws `RUNBOOK_NOT_AUTHENTICATED`, `RUNBOOK_UNREACHABLE`.
 */
export function openLogin(
  { oidc }: Pick<Config, 'oidc'>,
  people: People,
): (token: string | undefined) => Promise<Person> {
  const byProvider = oidc && openOidc(oidc, people)
  return async (token) => {
    try {
      return authenticate(people, token)
    } catch (error) {
      const isProviders = byProvider && token !== undefined && SIGNED_JWT.test(token)
      if (!isProviders || !isRunbookError(error, 'RUNBOOK_NOT_AUTHENTICATED')) throw error
      return byProvider(token)
    }
  }
}
