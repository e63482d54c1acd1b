import { randomBytes } from 'node:crypto'
import { sha256Hex } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { authenticate } from '../gate/authenticate.ts'
import { transaction, type Queryable } from '../history/database.ts'
import type { Engine } from './engine.ts'

/** A person who is signed in to the pages. */
export interface Session {
  person: Person
  /** The value that every form of this session must send, so that no other site can send one. */
  formToken: string
}

/** A new session. `value` is for the browser's cookie; it is not stored anywhere else. */
export interface NewSession {
  person: Person
  value: string
  lastsMs: number
}

type Dependencies = Pick<Engine, 'database' | 'people' | 'config'>

export const SIGN_IN_LINK_LASTS_MS = 10 * 60_000

/** Starts a session of the person with this token. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export async function signIn(engine: Dependencies, token: string): Promise<NewSession> {
  return startSession(engine.database, engine, authenticate(engine.people, token))
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

/** Starts the session of a link's person and deletes the link, in one transaction. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
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

/** The session that a cookie's value belongs to; undefined if it has ended. */
export async function sessionOf(engine: Dependencies, value: string): Promise<Session | undefined> {
  const found = await engine.database.query<Stored>(
    'SELECT person, credential, expires_at > clock_timestamp() AS valid FROM runbook.sessions WHERE hash = $1',
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
  valid: boolean
}

/** The configured person of a stored row, if the row is valid and the person's token is still the same. */
function personOf({ people }: Dependencies, row: Stored | undefined): Person | undefined {
  const person = row?.valid && Object.hasOwn(people, row.person) ? people[row.person] : undefined
  return person?.tokenHash !== undefined && credentialOf(person) === row!.credential ? person : undefined
}

function credentialOf({ name, tokenHash }: Person): string {
  if (tokenHash !== undefined) return sha256Hex(`session:${tokenHash}`)
  throw new RunbookError(
    'RUNBOOK_NOT_ALLOWED',
    `${name} has no token in the configuration, and only people with a token can sign in to the pages`,
  )
}

/** Starts a session and deletes what has expired, so that the two tables stay small. */
async function startSession(db: Queryable, { config }: Dependencies, person: Person): Promise<NewSession> {
  const value = newSecret()
  const lastsMs = config.pages.sessionLastsMs
  await db.query(
    `INSERT INTO runbook.sessions (hash, person, credential, expires_at)
     VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')`,
    [sha256Hex(value), person.name, credentialOf(person), lastsMs],
  )
  await db.query('DELETE FROM runbook.sessions WHERE expires_at < clock_timestamp()')
  await db.query('DELETE FROM runbook.sign_in_links WHERE expires_at < clock_timestamp()')
  return { person, value, lastsMs }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}
