import { createHash, timingSafeEqual } from 'node:crypto'
import { RunbookError } from '../core/errors.ts'
import type { People, Person } from '../core/person.ts'

/** What the configuration keeps of a bearer token, there with `sha256:` before it. */
export function tokenHash(token: string): string {
  return createHash('sha256').update(token, 'utf8').digest('hex')
}

/** Who holds this bearer token. Throws `RUNBOOK_NOT_AUTHENTICATED`. Hashes of one length are compared, in constant time. */
export function authenticate(people: People, token: string | undefined): Person {
  const given = Buffer.from(tokenHash(token ?? ''))
  let found: Person | undefined
  for (const person of Object.values(people)) {
    const kept = Buffer.from(person.tokenHash ?? '')
    if (kept.length === given.length && timingSafeEqual(kept, given)) found = person
  }
  if (!token || !found)
    throw new RunbookError(
      'RUNBOOK_NOT_AUTHENTICATED',
      token
        ? 'the token is not known here: set RUNBOOK_TOKEN to yours'
        : 'no token was given: set RUNBOOK_TOKEN to yours',
    )
  return found
}
