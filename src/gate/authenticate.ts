import { createHash, timingSafeEqual } from 'node:crypto'
import { RunbookError } from '../core/errors.ts'
import type { People, Person } from '../core/person.ts'

/** The hash of a bearer token, in the form of the configuration: `sha256:<hash>`. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex')
}

/** Finds the person with this bearer token. Compares hashes in constant time. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export function authenticate(people: People, token: string | undefined): Person {
  const presented = Buffer.from(tokenHash(token ?? ''))
  let found: Person | undefined
  for (const person of Object.values(people)) {
    const configured = Buffer.from(person.tokenHash ?? '')
    if (configured.length === presented.length && timingSafeEqual(configured, presented)) found = person
  }
  if (!token || !found)
    throw new RunbookError(
      'RUNBOOK_NOT_AUTHENTICATED',
      token
        ? 'the token belongs to nobody in the configuration: set RUNBOOK_TOKEN to your token'
        : 'no token was sent: set RUNBOOK_TOKEN to your token',
    )
  return found
}
