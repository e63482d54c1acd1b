import { randomBytes } from 'node:crypto'
import type { Oidc } from '../config/config.ts'
import { canonical, sha256Hex } from '../core/canonical.ts'
import { RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { authenticate } from '../gate/authenticate.ts'
import { personOfIdentity, type Identity } from '../gate/oidc.ts'
import { readNow, transaction, type Queryable } from '../history/database.ts'
import type { Engine } from './engine.ts'

/** A person who is signed in to the pages. */
export interface Session {
  person: Person
  /** The value that every form of this session must send. Other sites do not know it, so they cannot send a valid form. */
  formToken: string
  /** The time since the person signed in, by the clock of the engine's database. */
  ageMs: number
}

/** A new session. `value` is the value of the browser's cookie; it is not stored anywhere else. */
export interface NewSession {
  person: Person
  value: string
  lastsMs: number
}

type Dependencies = Pick<Engine, 'database' | 'people' | 'config' | 'keyring'>

export const SIGN_IN_LINK_LASTS_MS = 10 * 60_000

/** Starts a session for the person with this token. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export async function signIn(engine: Dependencies, token: string): Promise<NewSession> {
  return startSession(engine.database, engine, authenticate(engine.people, token))
}

/** Starts a session for the person whom the identity provider named. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export async function signInByIdentity(engine: Dependencies, identity: Identity): Promise<NewSession> {
  return startSession(engine.database, engine, personOfIdentity(engine.config.oidc!, engine.people, identity), identity)
}

/** Creates a link code that signs this person in once. Throws `RUNBOOK_NOT_ALLOWED` if the person has no token in the configuration. */
export async function createSignInCode(
  { database, keyring }: Pick<Engine, 'database' | 'keyring'>,
  person: Person,
): Promise<string> {
  const code = newSecret()
  const hash = sha256Hex(code)
  const credential = keyring.signText(rowText('sign-in link', { hash, person: person.name }, credentialOf(person)))
  await database.query(
    `INSERT INTO runbook.sign_in_links (hash, person, credential, expires_at)
     VALUES ($1, $2, $3, clock_timestamp() + $4 * interval '1 millisecond')`,
    [hash, person.name, credential, SIGN_IN_LINK_LASTS_MS],
  )
  return code
}

/** Starts a session for the person of a sign-in link and deletes the link, in one transaction. Throws `RUNBOOK_NOT_AUTHENTICATED`. */
export async function signInByCode(engine: Dependencies, code: string): Promise<NewSession> {
  return transaction(engine.database, async (db) => {
    const used = await db.query<Stored>(
      `DELETE FROM runbook.sign_in_links WHERE hash = $1 RETURNING hash, person, credential, expires_at > clock_timestamp() AS valid`,
      [sha256Hex(code)],
    )
    const person = personOf(engine, 'sign-in link', used.rows[0])
    if (person) return startSession(db, engine, person)
    throw new RunbookError(
      'RUNBOOK_NOT_AUTHENTICATED',
      'this sign-in link was used before, is too old, or is not complete. Get a new one with "runbook sign-in", or sign in with your token.',
    )
  })
}

/** The session to which the value of a cookie belongs; undefined if the session has ended. */
export async function sessionOf(engine: Dependencies, value: string): Promise<Session | undefined> {
  const found = await engine.database.query<Stored & { ageMs: number }>(
    `SELECT hash, person, credential, identity, created_at AS "createdAt", expires_at > clock_timestamp() AS valid,
       (extract(epoch FROM clock_timestamp() - created_at) * 1000)::float8 AS "ageMs" FROM runbook.sessions WHERE hash = $1`,
    [sha256Hex(value)],
  )
  const person = personOf(engine, 'session', found.rows[0])
  return person && { person, formToken: sha256Hex(`form:${value}`), ageMs: found.rows[0]!.ageMs }
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

interface Row {
  hash: string
  person: string
  /** What the identity provider said, as JSON. Absent in rows of sign-in links. */
  identity?: string | null
  /** When the person signed in. Absent in rows of sign-in links. */
  createdAt?: Date
}

interface Stored extends Row {
  /** The signature of the row with the engine's key. */
  credential: string
  valid: boolean
}

/**
 * The text that is signed for a row. Without the signature, anybody who can write to the engine's database could sign in as another person
 * and approve in that person's name. `credential` names the person's token, or the identity provider. The time of the sign-in is signed
 * too, because a passkey may be registered only in the ten minutes after it.
 */
function rowText(purpose: 'session' | 'sign-in link', row: Row, credential: string) {
  const { hash, person, identity = null, createdAt } = row
  const at = createdAt instanceof Date && !Number.isNaN(createdAt.getTime()) ? createdAt.toISOString() : null
  return canonical({ purpose: `runbook ${purpose}`, hash, person, identity, createdAt: at, credential })
}

/**
 * The person of a stored row, if the row is valid and the engine signed it: a configured person whose token is still the same, or the
 * person whom the present configuration makes of the identity provider's answer.
 */
function personOf(
  engine: Dependencies,
  purpose: 'session' | 'sign-in link',
  row: Stored | undefined,
): Person | undefined {
  if (!row?.valid) return undefined
  const found = typeof row.identity === 'string' ? personOfProvider(engine, row, row.identity) : configured(engine, row)
  return found && engine.keyring.verifyText(rowText(purpose, row, found.credential), row.credential)
    ? found.person
    : undefined
}

interface Found {
  person: Person
  credential: string
}

function configured({ people }: Dependencies, { person: name }: Row): Found | undefined {
  const person = Object.hasOwn(people, name) ? people[name] : undefined
  return person?.tokenHash === undefined ? undefined : { person, credential: credentialOf(person) }
}

function personOfProvider({ config: { oidc }, people }: Dependencies, row: Row, identity: string): Found | undefined {
  if (oidc?.signIn === undefined) return undefined
  try {
    const person = personOfIdentity(oidc, people, JSON.parse(identity) as Identity)
    return person.name === row.person ? { person, credential: providerCredential(oidc) } : undefined
  } catch {
    // A person with the same name was added to the configuration after the sign-in.
    return undefined
  }
}

/** Identifies the provider and the client. A session ends when the configuration names another provider or another client. */
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
  { config, keyring }: Dependencies,
  person: Person,
  identity?: Identity,
): Promise<NewSession> {
  const value = newSecret()
  const lastsMs = config.pages.sessionLastsMs
  const row = {
    ...{ hash: sha256Hex(value), person: person.name, createdAt: await readNow(db) },
    identity: identity ? JSON.stringify(identity) : null,
  }
  const credential = identity ? providerCredential(config.oidc!) : credentialOf(person)
  await db.query(
    `INSERT INTO runbook.sessions (hash, person, credential, identity, created_at, expires_at)
     VALUES ($1, $2, $3, $4, $5, clock_timestamp() + $6 * interval '1 millisecond')`,
    [row.hash, row.person, keyring.signText(rowText('session', row, credential)), row.identity, row.createdAt, lastsMs],
  )
  await db.query('DELETE FROM runbook.sessions WHERE expires_at < clock_timestamp()')
  await db.query('DELETE FROM runbook.sign_in_links WHERE expires_at < clock_timestamp()')
  return { person, value, lastsMs }
}

function newSecret(): string {
  return randomBytes(32).toString('base64url')
}
