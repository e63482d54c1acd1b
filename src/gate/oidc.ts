import { createRemoteJWKSet, errors, jwtVerify, type JWTPayload } from 'jose'
import type { Oidc } from '../config/config.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { People, Person } from '../core/person.ts'

const CLOCK_TOLERANCE_S = 30
const FETCH_MS = 5_000
/** A name that no terminal, log line or list of names can take for something else. */
const NAME = /^[^\s\p{C},]{1,200}$/u

/**
 * Who bears this token. Keys are fetched from the configured address alone, kept, and fetched again at most every half minute for a key
 * that is not known. Throws `RUNBOOK_NOT_AUTHENTICATED`, or `RUNBOOK_UNREACHABLE` when the keys cannot be had.
 */
export function openOidc(rules: Oidc, people: People): (token: string) => Promise<Person> {
  const keys = createRemoteJWKSet(new URL(rules.jwks), { timeoutDuration: FETCH_MS })
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
      return personOf(rules, people, payload)
    } catch (error) {
      throw refusal(error)
    }
  }
}

function personOf({ name: claim, groupsClaim, groups }: Oidc, people: People, payload: JWTPayload): Person {
  const name = payload[claim]
  if (typeof name !== 'string' || !NAME.test(name)) throw refused(`its ${claim} names nobody`)
  if (claim === 'email' && payload.email_verified !== true) throw refused('its email was not verified')
  const known = Object.values(people).find((person) => person.login === name)
  if (known) return known
  if (Object.hasOwn(people, name))
    throw refused(`${name} is a configured person, whose login there is not said: set people.${name}.login`)
  const claimed = payload[groupsClaim]
  const theirs = Array.isArray(claimed) ? claimed : []
  const ours = Object.entries(groups).filter(([, names]) => names.some((one) => theirs.includes(one)))
  return { name, groups: ours.map(([group]) => group), keys: [], oidc: true }
}

function refusal(error: unknown): RunbookError {
  if (error instanceof RunbookError) return error
  const own = error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout) && error.code !== GENERIC
  if (own && !(error instanceof errors.JWKSInvalid)) return refused(error.message)
  const why = `the identity provider's keys cannot be had: ${messageOf(error)}`
  return new RunbookError('RUNBOOK_UNREACHABLE', why, {}, error)
}

/** What jose says when the keys' address answers anything but keys. */
const GENERIC = errors.JOSEError.code

function refused(why: string): RunbookError {
  return new RunbookError('RUNBOOK_NOT_AUTHENTICATED', `the token of the identity provider is refused: ${why}`)
}
