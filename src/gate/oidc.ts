import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose'
import type { Oidc } from '../config/config.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { People, Person } from '../core/person.ts'

const CLOCK_TOLERANCE_S = 30
const FETCH_TIMEOUT_MS = 5_000
/** The maximum number of groups of one person. Further groups are ignored, so that a token cannot make a session large. */
const MAX_GROUPS = 1_000
/**
 * A person's or group's name without spaces, commas and control characters, so that it is safe in a terminal, a log
 * line and a list of names.
 */
const NAME = /^[^\s\p{C},]{1,200}$/u

/**
 * Returns a function that finds the person of an identity provider's token. It fetches the provider's keys only from the configured
 * address, keeps them, and fetches them again for an unknown key, at most every 30 seconds. The function throws
 * `RUNBOOK_NOT_AUTHENTICATED`, or `RUNBOOK_UNREACHABLE` when the keys cannot be fetched.
 */
export function openOidc(rules: Oidc, people: People): (token: string) => Promise<Person> {
  const keys = createRemoteJWKSet(new URL(rules.jwks), { timeoutDuration: FETCH_TIMEOUT_MS })
  return async (token) => {
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer: rules.issuer,
        audience: rules.audience,
        algorithms: rules.algorithms,
        typ: rules.typ,
        maxTokenAge: Math.ceil(rules.maxAgeMs / 1000),
        clockTolerance: CLOCK_TOLERANCE_S,
        requiredClaims: ['exp', 'iat', rules.name],
      })
      return personOfIdentity(rules, people, identityIn(rules, payload))
    } catch (error) {
      throw refusal(error)
    }
  }
}

/** The identity that the provider reports for a person: the name, and the provider's own groups. */
export interface Identity {
  name: string
  groups: string[]
}

/** The identity that the claims of a verified token name. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export function identityIn({ name: claim, groupsClaim }: Oidc, payload: JWTPayload): Identity {
  const name = payload[claim]
  if (typeof name !== 'string' || !NAME.test(name))
    throw refused(`the claim "${claim}" of the token is not a person's name`)
  if (claim === 'email' && payload.email_verified !== true)
    throw refused('the email address in the token is not verified')
  const groups: unknown[] = Array.isArray(payload[groupsClaim]) ? payload[groupsClaim] : []
  return { name, groups: groups.filter((one) => typeof one === 'string').slice(0, MAX_GROUPS) }
}

/** The person who has this identity according to the present configuration. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export function personOfIdentity({ groups }: Oidc, people: People, identity: Identity): Person {
  const { name } = identity
  const known = Object.values(people).find((person) => person.login === name)
  if (known) return known
  if (Object.hasOwn(people, name))
    throw refused(`${name} is also a configured person without a login: set people.${name}.login if they are the same`)
  const ownGroups = Object.entries(groups).filter(([, names]) => names.some((one) => identity.groups.includes(one)))
  return { name, groups: ownGroups.map(([group]) => group), keys: [], oidc: true }
}

function refusal(error: unknown): RunbookError {
  if (error instanceof RunbookError) return error
  const isAboutToken =
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid) &&
    error.code !== GENERIC
  if (isAboutToken) return refused(error.message)
  const why = `cannot fetch the identity provider's keys: ${messageOf(error)}`
  return new RunbookError('RUNBOOK_UNREACHABLE', why, {}, error)
}

/** The code of the errors that jose throws if the address of the keys does not return keys. */
const GENERIC = errors.JOSEError.code

function refused(why: string): RunbookError {
  return new RunbookError('RUNBOOK_NOT_AUTHENTICATED', `the identity provider's token is refused: ${why}`)
}
