import type { Config } from '../config/config.ts'
import { isRunbookError } from '../core/errors.ts'
import type { People, Person } from '../core/person.ts'
import { authenticate } from '../gate/authenticate.ts'
import { openOidc } from '../gate/oidc.ts'

/** Header, claims and signature, as every signed JWT is written. */
const SIGNED = /^[\w-]+\.[\w-]+\.[\w-]+$/

/**
 * Who bears a token: a configured person's own, or one of the identity provider, where there is one. Throws
 * `RUNBOOK_NOT_AUTHENTICATED`, `RUNBOOK_UNREACHABLE`.
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
      const foreign = byProvider && token !== undefined && SIGNED.test(token)
      if (!foreign || !isRunbookError(error, 'RUNBOOK_NOT_AUTHENTICATED')) throw error
      return byProvider(token)
    }
  }
}
