import { randomBytes } from 'node:crypto'
import type { Oidc } from '../config/config.ts'
import { sha256Hex } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { authenticate } from '../gate/authenticate.ts'
import { personOfIdentity, type Identity } from '../gate/oidc.ts'
import { transaction, type Queryable } from '../history/database.ts'
import type { Engine } from './engine.ts'

/** A person who is signed in to the pages. */
export interface Session {
  person: Person
  /** The value that every form of this session must send. Other sites do not know it, so they cannot send a valid form. */
  formToken: string
}

/** A new session. `value` is the value of the browser's cookie; it is not stored anywhere else. */
export interface NewSession {
  person: Person
  value: string
  lastsMs: number
}

type Dependencies = Pick<Engine, 'database' | 'people' | 'config'>

export const SIGN_IN_LINK_LASTS_MS = 10 * 60_000

/** Starts a session for the person with this token. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export async function signIn(engine: Dependencies, token: string): Promise<NewSession> {
  return startSession(engine.database, engine, authenticate(engine.people, token))
}

/** Starts a session of the person whom the identity provider named. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export async function signInByIdentity(engine: Dependencies, identity: Identity): Promise<NewSession> {
  return startSession(engine.database, engine, personOfIdentity(engine.config.oidc!, engine.people, identity), identity)
}

/** Creates a link code that signs this person in once. Throws `RUNBOOK_NOT_ALLOWED` if the person has no token in the configuration. */
export async function createSignInCode({ database }: Pick<Engine, 'database'>, person: Person): Promise<string> {
  const code = newSecret()
  await database.query(
    `INSERT INTO runbook.sign_in_links (hash, person, credential, expires_at)
     VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')`,
    [sha256Hex(code), person.name, credentialOf(person), SIGN_IN_LINK_LASTS_MS],
  )
  return code
}

/** Starts a session for the person of a sign-in link and deletes the link, in one transaction. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export async function signInByCode(engine: Dependencies, code: string): Promise<NewSession> {
  return transaction(engine.database, async (db) => {
    const used = await db.query<Stored>(
      `DELETE FROM runbook.sign_in_links WHERE hash = $1 RETURNING person, credential, expires_at > clock_timestamp() AS valid`,
      [sha256Hex(code)],
    )
    const person = personOf(engine, used.rows[0])
    if (person) return startSession(db, engine, person)
    throw new RunbookError(
      'RUNBOOK_NOT_AUTHENTICATED',
      'this sign-in link was used before, is too old, or is not complete. Get a new one with "runbook sign-in", or sign in with your token.',
    )
  })
}

/** The session to which the value of a cookie belongs; undefined if the session has ended. */
export async function sessionOf(engine: Dependencies, value: string): Promise<Session | undefined> {
  const found = await engine.database.query<Stored>(
    'SELECT person, credential, identity, expires_at > clock_timestamp() AS valid FROM runbook.sessions WHERE hash = $1',
    [sha256Hex(value)],
  )
  const person = personOf(engine, found.rows[0])
  return person && { person, formToken: sha256Hex(`form:${value}`) }
}

export async function signOut({ database }: Pick<Engine, 'database'>, value: string): Promise<void> {
  await database.query('DELETE FROM runbook.sessions WHERE hash = $1', [sha256Hex(value)])
}

/** Ends every session of the person, on all devices, and makes unused sign-in links of the person invalid. */
export async function signOutEverywhere({ database }: Pick<Engine, 'database'>, { name }: Person): Promise<void> {
  await transaction(database, async (db) => {
    await db.query('DELETE FROM runbook.sessions WHERE person = $1', [name])
    await db.query('DELETE FROM runbook.sign_in_links WHERE person = $1', [name])
  })
}

interface Stored {
  person: string
  credential: string
  /** What the identity provider said, as JSON. Absent in rows of sign-in links. */
  identity?: string | null
  valid: boolean
}

/**
 * The person of a stored row, if the row is valid: a configured person whose token is still the same, or the person whom the configuration
 * as it is now makes of the identity provider's answer.
 */
function personOf(engine: Dependencies, row: Stored | undefined): Person | undefined {
  if (!row?.valid) return undefined
  if (typeof row.identity === 'string') return personOfProvider(engine, row, row.identity)
  const person = Object.hasOwn(engine.people, row.person) ? engine.people[row.person] : undefined
  return person?.tokenHash !== undefined && credentialOf(person) === row.credential ? person : undefined
}

function personOfProvider({ config: { oidc }, people }: Dependencies, row: Stored, identity: string) {
  if (oidc?.signIn === undefined || providerCredential(oidc) !== row.credential) return undefined
  try {
    const person = personOfIdentity(oidc, people, JSON.parse(identity) as Identity)
    return person.name === row.person ? person : undefined
  } catch {
    // Since the sign-in, the configuration got a person of the same name.
    return undefined
  }
}

/** A session ends when the configuration names another provider, or another client at it. */
function providerCredential({ issuer, signIn: client }: Oidc): string {
  return sha256Hex(`oidc:${JSON.stringify([issuer, client!.clientId])}`)
}

function credentialOf({ name, tokenHash }: Person): string {
  if (tokenHash !== undefined) return sha256Hex(`session:${tokenHash}`)
  throw new RunbookError(
    'RUNBOOK_NOT_ALLOWED',
    `${name} has no token in the configuration, and only people with a token can sign in to the pages`,
  )
}

/** Starts a session and deletes what has expired, so that the two tables stay small. */
async function startSession(
  db: Queryable,
  { config }: Dependencies,
  person: Person,
  identity?: Identity,
): Promise<NewSession> {
  const value = newSecret()
  const lastsMs = config.pages.sessionLastsMs
  await db.query(
    `INSERT INTO runbook.sessions (hash, person, credential, identity, expires_at)
     VALUES ($1, $2, $3, $4, clock_timestamp() + $5 * interval '1 millisecond')`,
    [
      sha256Hex(value),
      person.name,
      identity ? providerCredential(config.oidc!) : credentialOf(person),
      identity ? JSON.stringify(identity) : null,
      lastsMs,
    ],
  )
  await db.query('DELETE FROM runbook.sessions WHERE expires_at < clock_timestamp()')
  await db.query('DELETE FROM runbook.sign_in_links WHERE expires_at < clock_timestamp()')
  return { person, value, lastsMs }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}
