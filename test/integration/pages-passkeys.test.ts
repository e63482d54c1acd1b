import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { canonical, sha256Hex } from '../../src/core/canonical.ts'
import type { ProposedAction } from '../../src/core/proposal.ts'
import type { Strength } from '../../src/core/strength.ts'
import { auditHistory } from '../../src/engine/audit/audit.ts'
import { removePasskey } from '../../src/engine/passkeys.ts'
import { decidersOf } from '../../src/engine/people.ts'
import { newSigningKey, openKeyring, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import { registrationText } from '../../src/gate/passkeys.ts'
import { recordEvents } from '../../src/history/record.ts'
import { newSoftwarePasskey, type SignedChange, type SoftwarePasskey } from '../support/software-passkey.ts'
import { takeProposedPermit } from '../support/take-proposed-permit.ts'
import { signIn, type BrowserSession } from './browser-session.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld, type PersonName } from './http-world.ts'

const ORIGIN = 'http://localhost:18081'
const leadsKey = newSigningKey()

let world: HttpWorld
beforeAll(async () => {
  world = await openHttpWorld(inject('stack'), {
    leadKeys: [publicKeyOf(leadsKey)],
    config: `url: ${ORIGIN}
breakGlass: [platform]
policy: [{ name: high risk, match: { risk: [high] }, strength: passkey, breakGlass: true }]
`,
  })
})
afterAll(() => world?.close())
// A person may have a limited number of passkeys.
afterEach(() =>
  asSuperuser((client) => client.query('UPDATE runbook.passkeys SET removed_at = now() WHERE removed_at IS NULL')),
)

/** The JSON that the page gives to the browser for a passkey. */
function optionsIn(page: string): { challenge: string; [name: string]: unknown } {
  const found = /data-passkey="([^"]*)"/.exec(page)
  if (!found) throw new Error(`the page asks for no passkey: ${page}`)
  return JSON.parse(found[1]!.replaceAll('&quot;', '"').replaceAll('&amp;', '&'))
}

const fieldIn = (page: string, name: string) => new RegExp(`name="${name}" value="([^"]*)"`).exec(page)![1]!

/** A person who is signed in, with a passkey that was registered on the account page. */
async function withPasskey(person: PersonName): Promise<{ session: BrowserSession; passkey: SoftwarePasskey }> {
  const session = await signIn(world, person)
  const passkey = newSoftwarePasskey(ORIGIN)
  const { status } = await register(session, passkey)
  expect(status).toBe(303)
  return { session, passkey }
}

async function register(session: BrowserSession, passkey: SoftwarePasskey, label = 'phone') {
  const { text } = await session.get('/account')
  const created = passkey.created(optionsIn(text))
  return session.post('/account/passkeys', { begun: fieldIn(text, 'begun'), label, created })
}

const UPDATE = (target: string): ProposedAction => ({
  ...{ id: '0-sql.update', kind: 'sql.update', access: 'write', target, with: { connection: 'db' } },
  preview: { summary: '' },
})

interface Opened {
  id: string
  gate: string
  digest: string
}

/** A gate whose runbook demands this strength; its remedy has two targets. */
async function opened(strength: Strength = 'passkey', risk: 'low' | 'high' = 'low', count = 1): Promise<Opened> {
  const id = await openIncident(world)
  const digest = await openTestGate(world, id, count, [UPDATE('a'), UPDATE('b')], { risk }, strength)
  return { id, gate: `${id}.r1`, digest }
}

/** Opens the page that asks for a confirmation, and returns what its form needs. */
async function confirmation(session: BrowserSession, { id, digest }: Opened, targets = ['0', '1']) {
  const query = new URLSearchParams([['digest', digest], ...targets.map((one): [string, string] => ['target', one])])
  const { text, status } = await session.get(`/incidents/${id}/approve?${query}`)
  expect(status).toBe(200)
  const part: Record<string, string | string[]> = targets.length < 2 ? { part: 'yes', target: targets } : {}
  return { options: optionsIn(text), attempt: fieldIn(text, 'attempt'), part }
}

type Confirmation = Awaited<ReturnType<typeof confirmation>>

const send = (
  session: BrowserSession,
  { id, gate, digest }: Opened,
  asked: Confirmation,
  answer: unknown,
  comment = '',
) =>
  session.post(`/incidents/${id}/decision`, {
    ...{ decision: 'approve', gate, digest, attempt: asked.attempt, passkey: JSON.stringify(answer), comment },
    ...asked.part,
  })

async function approve(
  who: { session: BrowserSession; passkey: SoftwarePasskey },
  gate: Opened,
  change?: SignedChange,
) {
  const asked = await confirmation(who.session, gate)
  return send(who.session, gate, asked, who.passkey.signed(asked.options, change))
}

const stateOf = async ({ id }: Opened) => (await world.call('GET', `/v1/incidents/${id}`)).json.rounds[0].gate.state

/** Takes a permit as the worker does, for the first target. */
async function permit(gate: Opened, change = {}) {
  return permitAfter(gate, await recordRecheck(gate), change)
}

async function recordRecheck({ id }: Opened): Promise<string> {
  const data = { round: 1, holds: true as const, because: '', targets: ['a', 'b'], skipped: {} }
  const recheck = { place: 'r1/recheck1', actor: 'engine', kind: 'recheck' as const, data }
  return (await recordEvents(world.engine.database, id, [recheck]))[0]!.at
}

function permitAfter({ gate }: Opened, recheckedAt: string, change = {}) {
  const { database, keyring } = world.engine
  const rules = {
    ...decidersOf(world.engine),
    ...{ keyring, isAutoApproved: () => false, requesterMayApprove: true, ...change },
  }
  return takeProposedPermit(database, rules, { gate, target: 'a', recheckedAt, leaseMs: 1_000 })
}

async function asSuperuser<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: world.superuserUrl })
  await client.connect()
  return work(client).finally(() => client.end())
}

/** What the audit says about the decision. That these tests exchange the plan of an incident is another finding. */
async function auditOf({ id }: Opened): Promise<string[]> {
  const { faults } = await auditHistory(world.engine.database, world.engine.keyring)
  return faults.filter(({ incident, what }) => incident === id && !what.includes('plan_digest')).map(({ what }) => what)
}

describe('an approval with a passkey', () => {
  test('is the person’s signature over this decision: the permit and the audit verify it', async () => {
    const who = await withPasskey('lead')
    const gate = await opened()
    expect((await approve(who, gate)).status).toBe(303)
    expect(await stateOf(gate)).toBe('approved')
    expect(await permit(gate)).toMatchObject({ granted: true })
    const { text } = await who.session.get(`/incidents/${gate.id}`)
    expect(text).toContain('approved INC-')
    expect(text).toContain('with a passkey')
    expect(await auditOf(gate)).toEqual([])
    expect((await who.session.get('/account')).text).toMatch(/phone.*last used/s)
  })

  test('covers the chosen targets: it approves no others', async () => {
    const who = await withPasskey('lead')
    const gate = await opened()
    const asked = await confirmation(who.session, gate, ['1'])
    const answer = who.passkey.signed(asked.options)
    const wider = await send(who.session, gate, { ...asked, part: {} }, answer)
    expect(wider.text).toContain('the passkey&#39;s signature is not valid')
    expect((await send(who.session, gate, asked, answer)).status).toBe(303)
    expect(await permit(gate)).toMatchObject({ granted: false, reason: 'not-approved' })
  })

  test('is demanded by the policy for high risk, although the runbook does not', async () => {
    const who = await withPasskey('lead')
    const gate = await opened('login', 'high')
    await asSuperuser((client) =>
      client.query("UPDATE runbook.incidents SET requester = 'person:operator' WHERE id = $1", [gate.id]),
    )
    const breakGlass = 'the night shift is alone and the queue stands still'
    for (const more of [{}, { breakGlass }]) {
      const body = { proposalDigest: gate.digest, decision: 'approve', ...more }
      const refused = await world.call('POST', `/v1/incidents/${gate.id}/decision`, { as: 'lead', body })
      expect(refused).toMatchObject({ status: 403, json: { code: 'RUNBOOK_NOT_ALLOWED' } })
      expect(refused.json.detail).toContain(
        `policy rule "high risk" demands an approval with a passkey of lead: approve on the page ${ORIGIN}/incidents/${gate.id}`,
      )
    }
    expect((await approve(who, gate)).status).toBe(303)
    expect(await permit(gate)).toMatchObject({ granted: true })
  })

  test('counts where an own key is demanded', async () => {
    const who = await withPasskey('lead')
    const gate = await opened('signed')
    expect((await approve(who, gate)).status).toBe(303)
    expect(await permit(gate)).toMatchObject({ granted: true })
  })

  test('counts for a person who approved without one before the policy demanded it', async () => {
    const [lead, operator] = [await withPasskey('lead'), await withPasskey('operator')]
    const gate = await opened('login', 'low', 2)
    const body = { proposalDigest: gate.digest, decision: 'approve' }
    expect((await world.call('POST', `/v1/incidents/${gate.id}/decision`, { as: 'lead', body })).status).toBe(200)
    const { engine } = world
    const rules = engine.config.policy.rules.map((rule) => ({ ...rule, match: {} }))
    const policy = { ...engine.config.policy, rules }
    world.current.replace({ ...engine, config: { ...engine.config, policy } })
    for (const who of [lead, operator]) expect((await approve(who, gate)).status).toBe(303)
    world.current.replace(engine)
    expect(await permit(gate, { policy })).toMatchObject({ granted: true })
    expect(await auditOf(gate)).toEqual([])
  })

  test('is not needed to reject', async () => {
    const gate = await opened()
    const body = { proposalDigest: gate.digest, decision: 'reject', comment: 'not now' }
    expect(await world.call('POST', `/v1/incidents/${gate.id}/decision`, { body })).toMatchObject({ status: 200 })
  })

  test('a person without a passkey sees where to register one', async () => {
    const session = await signIn(world, 'operator')
    const gate = await opened()
    const { text } = await session.get(`/incidents/${gate.id}`)
    expect(text).toContain('an approval needs a passkey, and you have registered none')
    expect(text).toContain('<a href="/account">My account</a>')
    expect(text).not.toContain(`action="/incidents/${gate.id}/approve"`)
  })
})

describe('what does not approve where a passkey is demanded', () => {
  test('a token, an own key, and the form of the page without a signature', async () => {
    const { session } = await withPasskey('lead')
    const gate = await opened()
    const body = { proposalDigest: gate.digest, decision: 'approve' }
    const byToken = await world.call('POST', `/v1/incidents/${gate.id}/decision`, { as: 'lead', body })
    expect(byToken).toMatchObject({
      status: 403,
      json: { detail: expect.stringContaining(`the runbook demands an approval with a passkey of lead`) },
    })
    const { attempt } = await confirmation(session, gate)
    const form = { decision: 'approve', gate: gate.gate, digest: gate.digest }
    const withoutScript = await session.post(`/incidents/${gate.id}/decision`, { ...form, attempt, passkey: '' })
    expect(withoutScript.text).toContain('This page needs JavaScript for it')
    expect((await session.post(`/incidents/${gate.id}/decision`, form)).status).toBe(403)
    expect(await stateOf(gate)).toBe('open')
  })

  test('claims about a passkey in a token that the person signed', async () => {
    const { passkey } = await withPasskey('lead')
    const { keyring } = world.engine
    const { id, response } = passkey.signed({ challenge: 'x' })
    const claims = { gate: 'INC-1.r1', proposalDigest: 'a'.repeat(64), decision: 'approve' as const, person: 'lead' }
    const token = await signClaims({ ...claims, iat: 1, jti: 'j', passkey: { id, ...response } }, leadsKey)
    await expect(keyring.examine(token)).rejects.toThrow('passkey: only the engine may sign this claim')
  })

  test.each<[string, SignedChange, string]>([
    ['another site', { origin: 'https://elsewhere.example' }, 'Unexpected authentication response origin'],
    ['another port of this machine', { origin: 'http://localhost:9999' }, 'Unexpected authentication response origin'],
    ['a frame of another site', { crossOrigin: true }, 'inside a page of another site'],
    ['an authenticator that signs for another site', { site: 'elsewhere.example' }, 'RP ID'],
    ['a device that did not verify the person', { flags: 1 }, 'User verification required'],
    ['a device with nobody present', { flags: 4 }, 'User not present'],
  ])('a signature from %s', async (_, change, why) => {
    const who = await withPasskey('lead')
    const gate = await opened()
    const answer = await approve(who, gate, change)
    expect(answer.status).toBe(403)
    expect(answer.text).toContain(why)
    expect(await stateOf(gate)).toBe('open')
  })

  test('a signature over another proposal', async () => {
    const who = await withPasskey('lead')
    const [gate, other] = [await opened(), await opened()]
    const asked = await confirmation(who.session, gate)
    const elsewhere = await confirmation(who.session, other)
    const answer = who.passkey.signed(elsewhere.options)
    for (const attempt of [asked.attempt, elsewhere.attempt])
      expect((await send(who.session, gate, { ...asked, attempt }, answer)).text).toContain(
        'Unexpected authentication response challenge',
      )
    expect(await stateOf(gate)).toBe('open')
  })

  test('the signature of another person', async () => {
    const [lead, operator] = [await withPasskey('lead'), await withPasskey('operator')]
    const gate = await opened()
    const asked = await confirmation(lead.session, gate)
    const borrowed = await send(lead.session, gate, asked, operator.passkey.signed(asked.options))
    expect(borrowed.text).toContain('lead has not registered this passkey')
    const stolen = await send(operator.session, gate, asked, lead.passkey.signed(asked.options))
    expect(stolen.text).toContain('operator has not registered this passkey')
    expect(await stateOf(gate)).toBe('open')
  })

  test('a signature that was used before, after the person took the approval back', async () => {
    const who = await withPasskey('lead')
    const gate = await opened()
    const asked = await confirmation(who.session, gate)
    const answer = who.passkey.signed(asked.options)
    expect((await send(who.session, gate, asked, answer)).status).toBe(303)
    await asSuperuser(async (client) => {
      await client.query('UPDATE runbook.decisions SET withdrawn_at = now() WHERE gate = $1', [gate.gate])
      await client.query(
        "UPDATE runbook.gates SET state = 'open', decided_at = NULL, approved_targets = NULL WHERE id = $1",
        [gate.gate],
      )
      await client.query('UPDATE runbook.passkeys SET sign_count = 0 WHERE id = $1', [who.passkey.id])
    })
    const replayed = await send(who.session, gate, asked, answer, 'again')
    expect(replayed.text).toContain('already used')
    expect(await stateOf(gate)).toBe('open')
  })

  test('a copy of the passkey, which counts its signatures itself', async () => {
    const who = await withPasskey('lead')
    who.passkey.count = 10
    expect((await approve(who, await opened())).status).toBe(303)
    who.passkey.count = 5
    const gate = await opened()
    const answer = await approve(who, gate)
    expect(answer.text).toContain('Response counter value 6 was lower than expected 11')
    expect(await stateOf(gate)).toBe('open')
  })

  test('a passkey that was removed, before the decision or after it', async () => {
    const who = await withPasskey('lead')
    const [decided, late] = [await opened(), await opened()]
    expect((await approve(who, decided)).status).toBe(303)
    const asked = await confirmation(who.session, late)
    expect((await who.session.post('/account/passkeys/remove', { id: who.passkey.id })).status).toBe(303)
    const answer = await send(who.session, late, asked, who.passkey.signed(asked.options))
    expect(answer.text).toContain('lead has removed the passkey')
    expect(await permit(decided)).toMatchObject({ granted: false, reason: 'not-approved' })
    // What happened stays verifiable.
    expect(await auditOf(decided)).toEqual([])
  })

  test('a passkey that was removed while the permit waited for the incident', async () => {
    const who = await withPasskey('lead')
    const gate = await opened()
    expect((await approve(who, gate)).status).toBe(303)
    await asSuperuser(async (client) => {
      const blocked = `SELECT FROM pg_stat_activity WHERE pg_blocking_pids(pid) <> '{}' AND query LIKE '%FROM runbook.incidents%'`
      const recheckedAt = await recordRecheck(gate)
      await client.query('BEGIN')
      await client.query('SELECT FROM runbook.incidents WHERE id = $1 FOR UPDATE', [gate.id])
      const waiting = permitAfter(gate, recheckedAt)
      // Another connection, because a transaction sees one snapshot of the activity.
      await expect.poll(() => asSuperuser(async (other) => (await other.query(blocked)).rowCount)).toBe(1)
      await removePasskey(world.engine, world.engine.people.lead!, who.passkey.id)
      await client.query('COMMIT')
      expect(await waiting).toMatchObject({ granted: false, reason: 'not-approved' })
    })
  })

  test('a passkey that was removed, and that somebody with the login of the engine tries to restore', async () => {
    const who = await withPasskey('lead')
    const { database } = world.engine
    await removePasskey(world.engine, world.engine.people.lead!, who.passkey.id)
    const change = (set: string) => database.query(`UPDATE runbook.passkeys SET ${set} WHERE id = $1`, [who.passkey.id])
    await expect(change('removed_at = NULL')).rejects.toThrow('append-only')
    await expect(change('sign_count = 0')).rejects.toThrow('append-only')
    await expect(database.query('DELETE FROM runbook.passkeys')).rejects.toThrow('permission denied')
  })
})

describe('a passkey that somebody puts into the database', () => {
  const forged = newSoftwarePasskey(ORIGIN)

  /** Exchanges the public key of the lead's passkey, or the person of a passkey. */
  async function exchange(id: string, column: 'public_key' | 'person', value: string) {
    await asSuperuser((client) => client.query(`UPDATE runbook.passkeys SET ${column} = $2 WHERE id = $1`, [id, value]))
  }

  test('approves nothing: the engine has not signed its registration', async () => {
    const operator = await withPasskey('operator')
    await exchange(operator.passkey.id, 'person', 'lead')
    const lead = await signIn(world, 'lead')
    const gate = await opened()
    const answer = await approve({ session: lead, passkey: operator.passkey }, gate)
    expect(answer.text).toContain('the passkey was not registered by this engine')
    expect(await stateOf(gate)).toBe('open')
  })

  test('is found by the permit and by the audit where it takes the place of the one that signed', async () => {
    const who = await withPasskey('lead')
    const gate = await opened()
    expect((await approve(who, gate)).status).toBe(303)
    const other = await withPasskey('operator')
    const key = await asSuperuser((client) =>
      client.query('SELECT public_key FROM runbook.passkeys WHERE id = $1', [other.passkey.id]),
    )
    await exchange(who.passkey.id, 'public_key', key.rows[0].public_key)
    expect(await permit(gate)).toMatchObject({ granted: false, reason: 'not-approved' })
    expect(await auditOf(gate)).toEqual([expect.stringContaining('its passkey (this engine did not')])
  })

  test('does not help somebody who has the engine’s key but not the passkey', async () => {
    const who = await withPasskey('lead')
    const gate = await opened()
    expect((await approve(who, gate)).status).toBe(303)
    const { keyring } = world.engine
    await asSuperuser(async (client) => {
      const { rows } = await client.query('SELECT jti, token FROM runbook.decisions WHERE gate = $1', [gate.gate])
      const claims = await keyring.verify(rows[0].token)
      const { id, response } = forged.signed({ challenge: 'whatever' })
      const token = await keyring.sign({ ...claims, passkey: { ...response, id: claims.passkey?.id ?? id } })
      await client.query('SET session_replication_role = replica')
      await client.query('UPDATE runbook.decisions SET token = $2 WHERE jti = $1', [rows[0].jti, token])
    })
    expect(await permit(gate)).toMatchObject({ granted: false, reason: 'not-approved' })
    expect(await auditOf(gate)).toEqual([expect.stringContaining('its passkey (')])
  })
})

/** Makes a session older, signed by the engine as if the person had signed in then. */
async function makeOlder({ cookie }: BrowserSession, person: PersonName, minutes: number): Promise<void> {
  const { keyring, people } = world.engine
  const hash = sha256Hex(cookie.split('=')[1]!)
  const createdAt = new Date(Date.now() - minutes * 60_000)
  const credential = sha256Hex(`session:${people[person]!.tokenHash}`)
  const row = { hash, person, identity: null, createdAt: createdAt.toISOString(), credential }
  await asSuperuser((client) =>
    client.query('UPDATE runbook.sessions SET created_at = $2, credential = $3 WHERE hash = $1', [
      hash,
      createdAt,
      keyring.signText(canonical({ purpose: 'runbook session', ...row })),
    ]),
  )
}

describe('registering', () => {
  test('needs a recent sign-in', async () => {
    const session = await signIn(world, 'operator')
    const { text } = await session.get('/account')
    await makeOlder(session, 'operator', 11)
    expect((await session.get('/account')).text).toContain('for ten minutes after signing in')
    const created = newSoftwarePasskey(ORIGIN).created(optionsIn(text))
    const answer = await session.post('/account/passkeys', { begun: fieldIn(text, 'begun'), label: 'phone', created })
    expect(answer.status).toBe(403)
  })

  test('needs the challenge of this session, and each passkey is registered once', async () => {
    const [one, other] = [await signIn(world, 'operator'), await signIn(world, 'lead')]
    const passkey = newSoftwarePasskey(ORIGIN)
    const { text } = await one.get('/account')
    const created = passkey.created(optionsIn(text))
    const fields = { begun: fieldIn(text, 'begun'), label: 'phone', created }
    const elsewhere = await other.post('/account/passkeys', fields)
    expect(elsewhere).toMatchObject({ status: 400, text: expect.stringContaining('Unexpected registration') })
    expect((await one.post('/account/passkeys', fields)).status).toBe(303)
    expect((await one.post('/account/passkeys', fields)).status).toBe(409)
  })

  test('a person removes only their own passkeys', async () => {
    const { passkey } = await withPasskey('lead')
    const operator = await signIn(world, 'operator')
    expect((await operator.post('/account/passkeys/remove', { id: passkey.id })).status).toBe(404)
  })

  test('is not offered where browsers create no passkeys', async () => {
    const { engine } = world
    const session = await signIn(world, 'operator')
    world.current.replace({ ...engine, config: { ...engine.config, url: 'http://192.0.2.7:8080' } })
    expect((await session.get('/account')).text).toContain('No passkey can be registered here')
    world.current.replace(engine)
  })

  test('its signature is renewed with the new key of the engine when it is used', async () => {
    const who = await withPasskey('lead')
    const { engine } = world
    const former = engine.keyring.publicKey
    const key = newSigningKey()
    world.current.replace({ ...engine, keyring: openKeyring({ key, previous: [former] }, engine.people) })
    expect((await approve(who, await opened())).status).toBe(303)
    world.current.replace(engine)
    const { rows } = await engine.database.query('SELECT * FROM runbook.passkeys WHERE id = $1', [who.passkey.id])
    const text = registrationText({ ...rows[0], publicKey: rows[0].public_key })
    expect(openKeyring({ key }, {}).verifyText(text, rows[0].signature)).toBe(true)
  })
})
