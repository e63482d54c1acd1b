import { randomUUID } from 'node:crypto'
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import { z } from 'zod'
import type { Config } from '../config/config.ts'
import { sha256Hex } from '../core/canonical.ts'
import { messageOf, RunbookError } from '../core/errors.ts'
import type { Person } from '../core/person.ts'
import { isStorable, NOT_STORABLE } from '../core/storable.ts'
import type { DecisionClaims } from '../gate/decision-schema.ts'
import { passkeyChallenge, passkeysOf, registrationText, type Passkey } from '../gate/passkeys.ts'
import { transaction } from '../history/database.ts'
import type { Engine } from './engine.ts'
import type { Session } from './sessions.ts'

type Dependencies = Pick<Engine, 'config' | 'database' | 'keyring'>

/** How long after signing in a person may register a passkey, so that a session that somebody else found open is not enough. */
const REGISTER_WITHIN_MS = 10 * 60_000
const MAX_PASSKEYS = 20

/** The address of the pages, to which passkeys belong. Throws `RUNBOOK_CONFIG` if browsers create no passkeys for it. */
export function passkeySite({ url }: Pick<Config, 'url'>): { origin: string; name: string } {
  const site = url === undefined ? undefined : new URL(url)
  const isAddress = site !== undefined && /^[\d.]+$|^\[/.test(site.hostname)
  const isUsable = site !== undefined && !isAddress && (site.protocol === 'https:' || site.hostname === 'localhost')
  if (isUsable) return { origin: site.origin, name: site.hostname }
  throw new RunbookError(
    'RUNBOOK_CONFIG',
    'passkeys belong to the address of the pages: set "url" in runbook.config.yaml to its https:// address with a name, or to http://localhost:PORT, and open the pages there',
  )
}

/** The person's passkeys that a browser can use at the address of the pages; none if the address has none. */
async function usablePasskeys(
  { config, database }: Pick<Engine, 'config' | 'database'>,
  name: string,
): Promise<Passkey[]> {
  const origin = config.url === undefined ? undefined : new URL(config.url).origin
  return (await passkeysOf(database, name)).filter((one) => one.origin === origin)
}

/** Whether the person signed in so recently that a passkey may be registered. */
export function mayRegister({ ageMs }: Session): boolean {
  return ageMs < REGISTER_WITHIN_MS
}

/** What a browser needs to create a passkey, as JSON, and when the registration began. */
export async function beginRegistration(engine: Dependencies, session: Session) {
  const { name } = passkeySite(engine.config)
  const begun = Date.now()
  const options = await generateRegistrationOptions({
    rpName: 'Runbooks',
    rpID: name,
    userName: session.person.name,
    userDisplayName: session.person.name,
    userID: new Uint8Array(Buffer.from(sha256Hex(`passkey-user:${session.person.name}`), 'hex')),
    challenge: new Uint8Array(Buffer.from(registrationChallenge(session, begun), 'hex')),
    attestationType: 'none',
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    excludeCredentials: (await usablePasskeys(engine, session.person.name)).map(({ id, transports }) => ({
      id,
      transports,
    })),
  })
  return { begun, options }
}

const registered = z.looseObject({
  id: z.string().max(2_000),
  response: z.looseObject({ clientDataJSON: z.string(), attestationObject: z.string() }),
})

export const newPasskey = z.object({
  begun: z.coerce.number().int(),
  label: z.string().trim().min(1).max(60).refine(isStorable, NOT_STORABLE),
  /** What the browser created, as JSON. */
  created: z.string().max(20_000),
})

/** Registers a passkey that the browser of this session created. Throws `RUNBOOK_NOT_ALLOWED`, `RUNBOOK_BAD_INPUT`, `RUNBOOK_CONFLICT`. */
export async function registerPasskey(
  engine: Dependencies,
  session: Session,
  { begun, label, created }: z.infer<typeof newPasskey>,
): Promise<void> {
  const { origin, name } = passkeySite(engine.config)
  const { person } = session
  const isRecent = begun <= Date.now() && Date.now() - begun < REGISTER_WITHIN_MS
  if (!mayRegister(session) || !isRecent)
    throw new RunbookError(
      'RUNBOOK_NOT_ALLOWED',
      'a passkey can be registered for ten minutes after signing in: sign out, sign in again, and register it then',
    )
  const { id, publicKey, counter, transports } = await verified(created, {
    challenge: Buffer.from(registrationChallenge(session, begun), 'hex').toString('base64url'),
    ...{ origin, name },
  })
  const key = { id, person: person.name, publicKey, origin }
  const signature = engine.keyring.signText(registrationText(key))
  await transaction(engine.database, async (db) => {
    const { rows } = await db.query<{ count: string }>(
      'SELECT count(*) FROM runbook.passkeys WHERE person = $1 AND removed_at IS NULL',
      [person.name],
    )
    if (Number(rows[0]!.count) >= MAX_PASSKEYS)
      throw new RunbookError(
        'RUNBOOK_CONFLICT',
        `${person.name} has ${MAX_PASSKEYS} passkeys, which is the most: remove one first`,
      )
    const stored = await db.query(
      `INSERT INTO runbook.passkeys (id, person, public_key, origin, signature, transports, label, sign_count)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING`,
      [id, person.name, publicKey, origin, signature, transports, label, counter],
    )
    if (stored.rowCount === 0) throw new RunbookError('RUNBOOK_CONFLICT', 'this passkey was registered before')
  })
}

async function verified(created: string, expected: { challenge: string; origin: string; name: string }) {
  try {
    const { id, response } = registered.parse(JSON.parse(created))
    const { registrationInfo } = await verifyRegistrationResponse({
      response: { id, rawId: id, type: 'public-key', response, clientExtensionResults: {} },
      expectedChallenge: expected.challenge,
      expectedOrigin: expected.origin,
      expectedRPID: expected.name,
      requireUserVerification: true,
    })
    const { credential } = registrationInfo!
    const transports = z.array(z.string().max(40).refine(isStorable)).max(10).catch([]).parse(response.transports)
    const publicKey = Buffer.from(credential.publicKey).toString('base64url')
    return { id: credential.id, publicKey, counter: credential.counter, transports }
  } catch (error) {
    throw new RunbookError('RUNBOOK_BAD_INPUT', `the passkey was not registered: ${messageOf(error)}`, {}, error)
  }
}

/** It belongs to one session and one attempt, and nothing has to be stored for it. */
function registrationChallenge({ formToken }: Session, begun: number): string {
  return sha256Hex(`register-passkey:${formToken}:${begun}`)
}

/** From now on the passkey approves nothing, and approvals that it signed and that were not applied yet do not count any more. Throws `RUNBOOK_NOT_FOUND`. */
export async function removePasskey(
  { database }: Pick<Engine, 'database'>,
  { name }: Person,
  id: string,
): Promise<void> {
  const removed = await database.query(
    'UPDATE runbook.passkeys SET removed_at = clock_timestamp() WHERE id = $1 AND person = $2 AND removed_at IS NULL',
    [id, name],
  )
  if (removed.rowCount === 0) throw new RunbookError('RUNBOOK_NOT_FOUND', `${name} has no passkey with this id`)
}

/** What a browser needs to sign an approval with a passkey, as JSON, and the id that the decision will have. */
export async function beginApproval(
  engine: Dependencies,
  { name: person }: Person,
  decision: Pick<DecisionClaims, 'gate' | 'proposalDigest' | 'targets'>,
) {
  const { name } = passkeySite(engine.config)
  const jti = randomUUID()
  const challenge = passkeyChallenge({ ...decision, decision: 'approve', person, jti })
  const options = await generateAuthenticationOptions({
    rpID: name,
    challenge: new Uint8Array(Buffer.from(challenge, 'base64url')),
    allowCredentials: (await usablePasskeys(engine, person)).map(({ id, transports }) => ({ id, transports })),
    userVerification: 'required',
  })
  return { jti, options }
}
