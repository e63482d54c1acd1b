import { randomInt } from 'node:crypto'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { canonical } from '../../src/core/canonical.ts'
import type { People } from '../../src/core/person.ts'
import type { Policy } from '../../src/core/policy.ts'
import { recordAuthors } from '../../src/history/plans.ts'
import { audit, auditHistory, checkpointHistory } from '../../src/engine/audit/audit.ts'
import { makeCheckpoint, readCheckpoint, type Checkpoint } from '../../src/engine/audit/checkpoint.ts'
import { switchControl } from '../../src/gate/controls.ts'
import { newSigningKey, openKeyring, publicKeyOf, signClaims } from '../../src/gate/keyring.ts'
import { main } from '../../src/cli/main.ts'
import { fakeTerminal } from '../unit/cli/fake-terminal.ts'
import { openEngineWorld, propose, type EngineWorld } from '../support/engine-world.ts'
import { recordFullIncident, tampering } from '../support/full-incident.ts'

let world: EngineWorld
const key = newSigningKey()
const people: People = Object.fromEntries(
  ['operator', 'lead'].map((name) => [name, { name, groups: ['oncall'], keys: [] }]),
)
const keyring = openKeyring({ key }, people)
const seed = Number(process.env.RUNBOOK_TEST_SEED ?? randomInt(2 ** 31))

beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
  for (let i = 0; i < 4; i += 1) await recordFullIncident(world, keyring, people)
  const rule = { name: 'production', match: {}, by: ['oncall'], count: 1, excludeRequester: false, excludeAuthor: true }
  const policy: Policy = { rules: [{ ...rule, strength: 'login', breakGlass: false }], environments: {} }
  await propose(world, { policy, authors: ['operator'] })
  const turn = { control: 'freeze', person: 'operator', reason: 'a failover' }
  for (const on of [true, false, true]) await switchControl(world.engine, { ...turn, on })
})
afterAll(() => world?.close())

/** Repeatable random numbers from a seed, by the generator mulberry32. */
function randomFrom(start: number): (below: number) => number {
  let state = start
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const NOT_COMPARED: Record<string, string[]> = {
  // `id` is derived from `number`, which only the database assigns. The last two columns only determine when the symptom is sampled and
  // whether the key stays quiet.
  incidents: [
    'number',
    'id',
    'occurrences',
    'started_at',
    'start_nonce',
    'run_id',
    'rung_at',
    'looked_at',
    'state',
    'sample_wanted_at',
    'symptom_gone_at',
  ],
  events: [],
  evidence: [],
  gates: [],
  decisions: [],
  permits: ['renewed_at'],
  leases: ['until'],
  intents: [],
  effects: [],
  notes: ['number'],
  follow_ups: [],
  feedback: ['number'],
  verdicts: [],
  plans: ['source', 'stored_at'],
  plan_authors: ['at'],
  controls: [],
  control_events: [],
}

/** The tables that the audit does not compare with events, and the words in which docs/guarantees.md says so. */
const NOT_READ: Record<string, string> = {
  alerts: 'what monitoring systems reported',
  deliveries: 'messages that a channel has not accepted yet',
  detectors: 'what detection sampled',
  engine: 'A changed engine id',
  episodes: 'what detection sampled',
  lease_waiters: 'who waits for it',
  maintenance: 'maintenance windows',
  manual_steps: 'until when manual steps wait',
  migrations: 'which migrations were applied',
  outages: 'the connections that an incident waits for now',
  outbox: 'messages that a channel has not accepted yet',
  outbox_events: 'messages that a channel has not accepted yet',
  passkeys: 'passkeys, except the public keys of those that signed decisions',
  requests: 'idempotency keys of requests',
  sessions: 'sessions of the pages and sign-in links',
  sign_in_links: 'sessions of the pages and sign-in links',
  tallies: 'how often somebody was refused',
  workers: 'which workers were seen',
}

test('every table is compared with events, or docs/guarantees.md says that it is not', async () => {
  const tables = await world.superuser.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'runbook' AND table_type = 'BASE TABLE' ORDER BY 1`,
  )
  const known = [...Object.keys(NOT_COMPARED), ...Object.keys(NOT_READ)]
  expect(known.toSorted()).toEqual(tables.rows.map(({ name }) => name))
  const guarantees = readFileSync('docs/guarantees.md', 'utf8')
  const [, notCompared = ''] = /- Not compared at all: ([\s\S]*?)\n\n/.exec(guarantees) ?? []
  for (const [table, words] of Object.entries(NOT_READ)) expect(notCompared, table).toContain(words)
})

/** The audit does not read plans that no incident uses, so a change to such a plan is not expected to be found. */
const OF_INCIDENTS: Record<string, string> = {
  plans: 'WHERE EXISTS (SELECT FROM runbook.incidents i WHERE i.plan_digest = t.digest)',
}

type Random = (below: number) => number
const pick = <T>(random: Random, list: T[]): T => list[random(list.length)]!

/** Makes one random change to one random row, and describes it. */
async function edit(client: pg.PoolClient, random: Random): Promise<string> {
  const table = pick(random, Object.keys(NOT_COMPARED))
  const rows = await client.query<{ ctid: string; row: Record<string, unknown> }>(
    `SELECT ctid::text, to_jsonb(t) AS row FROM runbook.${table} t ${OF_INCIDENTS[table] ?? ''} ORDER BY ctid`,
  )
  const { ctid, row } = pick(random, rows.rows)
  if (random(8) === 0) {
    await client.query(`DELETE FROM runbook.${table} WHERE ctid = $1::tid`, [ctid])
    return `DELETE FROM ${table}: ${JSON.stringify(row).slice(0, 200)}`
  }
  const types = await client.query<{ name: string; type: string }>(
    `SELECT column_name AS name, data_type AS type FROM information_schema.columns WHERE table_schema = 'runbook' AND table_name = $1`,
    [table],
  )
  const columns = types.rows.filter(({ name }) => !NOT_COMPARED[table]!.includes(name))
  const { name, type } = pick(random, columns)
  const value = changed(random, type, row[name])
  await client.query(`UPDATE runbook.${table} SET ${name} = $1 WHERE ctid = $2::tid`, [value, ctid])
  return `${table}.${name}: ${JSON.stringify(row[name])} -> ${JSON.stringify(value)}`.slice(0, 400)
}

function changed(random: Random, type: string, value: unknown): unknown {
  switch (type) {
    case 'boolean':
      return !value
    case 'bigint':
    case 'integer':
      return Number(value) + pick(random, [-1, 1, 7])
    case 'ARRAY':
      return value === null ? ['x'] : pick(random, [[...(value as string[]), 'x'], (value as string[]).slice(1)])
    case 'timestamp with time zone': {
      const hours = pick(random, [-24, -1, 1, 24]) * 3_600_000
      return value === null ? new Date() : new Date(Date.parse(String(value)) + hours)
    }
    default: {
      if (value === null || value === '') return 'x'
      const text = String(value)
      const at = random(text.length)
      const other = text[at] === 'x' ? 'y' : 'x'
      return pick(random, [
        text.slice(0, at) + other + text.slice(at + 1),
        text.slice(0, at) + text.slice(at + 1),
        `${text}x`,
      ])
    }
  }
}

describe('a history', () => {
  test('that was not changed has no faults, for the reader role too', async () => {
    const { faults, incidents, events } = await auditHistory(world.reader, keyring)
    expect(faults).toEqual([])
    expect(incidents).toBe(5)
    expect(events).toBeGreaterThan(60)
  })

  test('shows each of 200 random edits by a superuser', { timeout: 120_000 }, async () => {
    console.log(`edits: RUNBOOK_TEST_SEED=${seed}`)
    const random = randomFrom(seed)
    const missed: string[] = []
    const tables = new Set<string>()
    for (let found = 0; found < 200;) {
      const what = await tampering(world, async (client) => {
        const change = await edit(client, random).catch((error: { code?: string }) => {
          // The database's constraints refuse this value: try another change.
          if (/^(23|22)/.test(error.code ?? '')) return undefined
          throw error
        })
        if (change === undefined) return undefined
        const { faults } = await audit(client, keyring)
        return { change, seen: faults.length > 0 }
      })
      if (!what) continue
      found += 1
      tables.add(what.change.replace(/^DELETE FROM /, '').split(/[.:]/)[0]!)
      if (!what.seen) missed.push(what.change)
    }
    expect(missed, `seed ${seed}`).toEqual([])
    expect([...tables].sort()).toEqual(Object.keys(NOT_COMPARED).sort())
  })
})

describe('a checkpoint', () => {
  let checkpoint: Checkpoint
  beforeAll(async () => {
    const signed = await checkpointHistory(world.engine, keyring)
    checkpoint = readCheckpoint(JSON.stringify(signed), keyring)
  })

  test('of a history that only grew since then has no faults', async () => {
    await recordFullIncident(world, keyring, people)
    const later = await auditHistory(world.engine, keyring, checkpoint)
    expect(later).toMatchObject({ faults: [], checkpoint: checkpoint.at, incidents: 6 })
  })

  test('reveals each of 20 random truncations that leave no other trace', { timeout: 60_000 }, async () => {
    console.log(`truncations: RUNBOOK_TEST_SEED=${seed}`)
    const random = randomFrom(seed)
    const missed: string[] = []
    for (let i = 0; i < 20; i += 1) {
      const [incident, length] = pick(random, checkpoint.heads)
      const keep = i % 5 === 0 ? 0 : random(length)
      await tampering(world, async (client) => {
        await truncate(client, incident, keep)
        const { faults } = await audit(client, keyring, checkpoint)
        if (!faults.some((fault) => fault.incident === incident && fault.what.includes('since the checkpoint')))
          missed.push(`${incident} cut to ${keep} of ${length}`)
      })
    }
    expect(missed, `seed ${seed}`).toEqual([])
  })

  test('reveals a chain that was rewritten from its middle, which the chain itself does not reveal', async () => {
    const [incident] = checkpoint.heads.at(-1)!
    await tampering(world, async (client) => {
      await client.query(`DELETE FROM runbook.events WHERE incident = $1 AND seq > 1`, [incident])
      await client.query(`DELETE FROM runbook.gates WHERE incident = $1`, [incident])
      await client.query(
        `UPDATE runbook.incidents i SET head_seq = e.seq, head_hash = e.hash FROM runbook.events e WHERE i.id = $1 AND e.incident = i.id`,
        [incident],
      )
      for (const body of ['a', 'b', 'c'])
        await client.query('SELECT FROM runbook.append_events($1, $2, $3)', [
          incident,
          [null],
          [canonical({ actor: 'engine', kind: 'unknown-kind', data: { body } })],
        ])
      expect((await audit(client, keyring)).faults).toEqual([])
      expect((await audit(client, keyring, checkpoint)).faults).toMatchObject([{ incident }])
    })
  })

  test('reveals removed control events', async () => {
    await tampering(world, async (client) => {
      await client.query('DELETE FROM runbook.control_events; DELETE FROM runbook.controls')
      expect((await audit(client, keyring)).faults).toEqual([])
      expect((await audit(client, keyring, checkpoint)).faults).toMatchObject([{ incident: 'controls' }])
    })
  })

  test('reveals an author of a plan who was removed before any gate named them', async () => {
    await recordAuthors(world.engine, world.planDigest, ['lead'])
    const { checkpoint: before } = await checkpointHistory(world.engine, keyring)
    await tampering(world, async (client) => {
      await client.query(`DELETE FROM runbook.plan_authors WHERE author = 'lead'`)
      expect((await audit(client, keyring)).faults).toEqual([])
      const { faults } = await audit(client, keyring, before)
      expect(faults.map(({ what }) => what)).toEqual([
        expect.stringMatching(/^lead, an author of plan .*, was removed since the checkpoint$/),
      ])
    })
  })

  test('is accepted only if a current or previous key of this engine signed it', async () => {
    const signed = await checkpointHistory(world.engine, keyring)
    const forged = { ...signed, checkpoint: { ...signed.checkpoint, heads: [] } }
    expect(() => readCheckpoint(JSON.stringify(forged), keyring)).toThrow(
      'not signed with a current or previous key of this engine',
    )
    expect(() => readCheckpoint('{}', keyring)).toThrow('not a checkpoint')
    const rotated = openKeyring({ key: newSigningKey(), previous: [publicKeyOf(key)] }, people)
    expect(readCheckpoint(JSON.stringify(signed), rotated)).toEqual(signed.checkpoint)
    const other = { ...checkpoint, engine: 'another' }
    await expect(auditHistory(world.engine, keyring, other)).rejects.toThrow('belongs to another engine')
  })
})

describe('signatures of a key that is no longer configured', () => {
  const later = newSigningKey()
  const both = openKeyring({ key: later, previous: [publicKeyOf(key)] }, people)
  const onlyNew = openKeyring({ key: later }, people)
  const whatIn = (faults: { what: string }[]) => faults.map(({ what }) => what)
  const decisionsOf = async (db: pg.Pool | pg.PoolClient) =>
    (await db.query<{ jti: string; token: string }>('SELECT jti, token FROM runbook.decisions ORDER BY at, jti')).rows

  test('are verified with a checkpoint that was made while the key was listed, and with each one that continues it', async () => {
    const decisions = await decisionsOf(world.superuser)
    const unknown = whatIn((await auditHistory(world.engine, onlyNew)).faults)
    expect(unknown).toHaveLength(decisions.length)
    expect(unknown[0]).toContain(`no known key signed (it names ${publicKeyOf(key)}`)

    const first = await checkpointHistory(world.engine, both)
    expect(first.checkpoint).toMatchObject({ signatures: [{ key: publicKeyOf(key) }], unverified: 0 })
    expect(first.checkpoint.signatures![0]!.decisions).toHaveLength(decisions.length)
    const read = readCheckpoint(JSON.stringify(first), onlyNew)
    expect((await auditHistory(world.engine, onlyNew, read)).faults).toEqual([])

    const continued = await checkpointHistory(world.engine, onlyNew, read)
    expect(continued.checkpoint.signatures).toEqual(first.checkpoint.signatures)
    expect((await auditHistory(world.engine, onlyNew, continued.checkpoint)).faults).toEqual([])

    const { checkpoint: alone } = await checkpointHistory(world.engine, onlyNew)
    expect(alone).toMatchObject({ signatures: [], unverified: decisions.length })
    expect((await auditHistory(world.engine, onlyNew, alone)).faults).toHaveLength(decisions.length)
    await expect(checkpointHistory(world.engine, both, { ...read, engine: 'another' })).rejects.toThrow(
      'belongs to another engine',
    )
  })

  test("also of a person's own key, which was removed from the configuration", async () => {
    const own = newSigningKey()
    const withKey = { ...people, lead: { ...people['lead']!, keys: [publicKeyOf(own)] } }
    await tampering(world, async (client) => {
      const [{ jti, token }] = (await decisionsOf(client)) as [{ jti: string; token: string }]
      const claims = await keyring.verify(token)
      const signers = { ...withKey, [claims.person]: { ...withKey.lead, name: claims.person } }
      await client.query('UPDATE runbook.decisions SET token = $2 WHERE jti = $1', [jti, await signClaims(claims, own)])
      const made = await makeCheckpoint(client, openKeyring({ key }, signers))
      expect(made.checkpoint.signatures).toMatchObject([
        { key: publicKeyOf(own), decisions: [[jti, expect.any(String)]] },
      ])
      expect(whatIn((await audit(client, keyring)).faults)).toMatchObject([expect.stringContaining(publicKeyOf(own))])
      expect((await audit(client, keyring, made.checkpoint)).faults).toEqual([])
    })
  })

  test('are not trusted if they are newer than the checkpoint, even if somebody still has the old key', async () => {
    const { checkpoint: before } = await checkpointHistory(world.engine, both)
    const incident = await recordFullIncident(world, keyring, people)
    const { faults } = await auditHistory(world.engine, onlyNew, before)
    expect(faults.length).toBeGreaterThan(0)
    for (const fault of faults)
      expect(fault).toMatchObject({ incident, what: expect.stringContaining('no known key signed') })
  })

  test('are not trusted under the id of a decision that the checkpoint lists', async () => {
    const { checkpoint: before } = await checkpointHistory(world.engine, both)
    await tampering(world, async (client) => {
      const [{ jti, token }] = (await decisionsOf(client)) as [{ jti: string; token: string }]
      const forged = await keyring.sign({ ...(await keyring.verify(token)), comment: 'no' })
      await client.query(`UPDATE runbook.decisions SET token = $2, comment = 'no' WHERE jti = $1`, [jti, forged])
      expect(whatIn((await audit(client, onlyNew, before)).faults)).toEqual([
        expect.stringContaining('no known key signed'),
      ])
    })
  })

  test('are not trusted because the history names their key, nor by a checkpoint that was made afterwards', async () => {
    const theirs = newSigningKey()
    const { checkpoint: before } = await checkpointHistory(world.engine, both)
    await tampering(world, async (client) => {
      const [{ jti, token }] = (await decisionsOf(client)) as [{ jti: string; token: string }]
      const forged = await signClaims(await keyring.verify(token), theirs)
      await client.query('UPDATE runbook.decisions SET token = $2 WHERE jti = $1', [jti, forged])
      const { checkpoint: after } = await makeCheckpoint(client, both, before)
      expect(after.unverified).toBe(1)
      for (const checkpoint of [undefined, before, after])
        expect(whatIn((await audit(client, both, checkpoint)).faults)).toEqual([
          expect.stringContaining(`no known key signed (it names ${publicKeyOf(theirs)}`),
        ])
    })
  })
})

/** Removes an incident's events after the first `keep`, with all rows that belong to them; 0 removes the incident. */
async function truncate(client: pg.PoolClient, incident: string, keep: number): Promise<void> {
  await client.query('DELETE FROM runbook.events WHERE incident = $1 AND seq > $2', [incident, keep])
  const gates = `SELECT id FROM runbook.gates WHERE incident = $1`
  await client.query(`DELETE FROM runbook.leases WHERE holder IN (${gates})`, [incident])
  for (const table of ['decisions', 'permits', 'effects', 'verdicts', 'intents'])
    await client.query(`DELETE FROM runbook.${table} WHERE gate IN (${gates})`, [incident])
  for (const table of ['evidence', 'notes', 'follow_ups', 'feedback', 'gates'])
    await client.query(`DELETE FROM runbook.${table} WHERE incident = $1`, [incident])
  if (keep === 0) await client.query('DELETE FROM runbook.incidents WHERE id = $1', [incident])
  else
    await client.query(
      `UPDATE runbook.incidents i SET head_seq = e.seq, head_hash = e.hash FROM runbook.events e
       WHERE i.id = $1 AND e.incident = i.id AND e.seq = $2`,
      [incident, keep],
    )
}

describe('runbook audit', () => {
  const runbook = async (...argv: string[]) => {
    const folder = mkdtempSync(join(tmpdir(), 'runbook-audit-'))
    writeFileSync(
      join(folder, 'runbook.config.yaml'),
      'database: ${DB}\npeople: { operator: { groups: [oncall] }, lead: { groups: [oncall] } }\nsigning: { key: "${KEY}" }\n',
    )
    const terminal = fakeTerminal({ cwd: folder, env: { DB: world.applicationUrl, KEY: key } })
    return { code: await main(argv, terminal), out: terminal.out, err: terminal.err, folder }
  }

  test('makes a checkpoint, compares the history with it, and exits with 1 if there are faults', async () => {
    const made = await runbook('audit', 'checkpoint', '--to', 'checkpoint.json')
    expect(made).toMatchObject({ code: 0, out: '' })
    const file = join(made.folder, 'checkpoint.json')
    expect(await runbook('audit', 'verify', '--checkpoint', file)).toMatchObject({ code: 0, out: '' })
    expect(JSON.parse((await runbook('audit', 'checkpoint')).out)).toHaveProperty('signature')

    const client = await world.superuser.connect()
    await client.query('SET session_replication_role = replica')
    await client.query(`UPDATE runbook.effects SET detail = 'nothing' WHERE gate = 'INC-1.r1' AND target = 'a'`)
    await client.query('SET session_replication_role = origin')
    client.release()
    const found = await runbook('audit', 'verify')
    expect(found.code).toBe(1)
    expect(found.out).toContain('the effect of 0-sql.update on a differs from its event')
    expect((await runbook('audit', 'verify', '--checkpoint', 'none.json')).code).toBe(2)
  })

  describe('sends a checkpoint', () => {
    let receiver: Server
    let seen: { method: string; url: string; type: string; body: string }[]
    let answer: (response: ServerResponse) => void
    const address = (path: string) => `http://127.0.0.1:${(receiver.address() as AddressInfo).port}${path}`

    beforeAll(async () => {
      receiver = createServer((request, response) => {
        let body = ''
        request.on('data', (chunk: Buffer) => (body += chunk.toString()))
        request.on('end', () => {
          seen.push({ method: request.method!, url: request.url!, type: request.headers['content-type']!, body })
          answer(response)
        })
      })
      await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve))
    })
    afterAll(() => void receiver?.close())
    beforeEach(() => {
      seen = []
      answer = (response) => response.writeHead(204).end()
    })

    test('as JSON that can be used like a checkpoint file, and prints it', async () => {
      const sent = await runbook('audit', 'checkpoint', '--to', address('/keep?of=runbook'))
      expect(sent).toMatchObject({ code: 0, err: expect.stringContaining(`sent to ${address('')}`) })
      expect(seen).toEqual([
        { method: 'POST', url: '/keep?of=runbook', type: 'application/json', body: sent.out.trim() },
      ])
      const { at } = readCheckpoint(seen[0]!.body, keyring)
      const kept = join(sent.folder, 'kept.json')
      writeFileSync(kept, seen[0]!.body)
      expect((await runbook('audit', 'verify', '--checkpoint', kept)).err).toContain(`with the checkpoint of ${at}`)
    })

    test.each([
      [500, 'it answered 500 (the disk is full)'],
      [302, 'it answered 302 (the disk is full)'],
    ])('and exits with 1 on status %i: prints the checkpoint and shows the answer', async (status, why) => {
      answer = (response) => response.writeHead(status, { location: address('/elsewhere') }).end('the disk is full\n')
      const { code, out, err } = await runbook('audit', 'checkpoint', '--to', address('/hooks/path-is-the-password'))
      expect(code).toBe(1)
      expect(err).toContain(`${address('')} did not accept the checkpoint: ${why}`)
      expect(err).not.toContain('path-is-the-password')
      expect(readCheckpoint(out, keyring)).toHaveProperty('heads')
      expect(seen).toHaveLength(1)
    })

    test('and exits with 1 if nothing answers at the address', async () => {
      const { code, out, err } = await runbook('audit', 'checkpoint', '--to', 'http://127.0.0.1:1/keep')
      expect([code, err]).toEqual([
        1,
        expect.stringContaining('http://127.0.0.1:1 did not accept the checkpoint: connect ECONNREFUSED'),
      ])
      expect(readCheckpoint(out, keyring)).toHaveProperty('heads')
    })

    test.each(['http://example.com/keep', 'http://127.0.0.1.example.com/', 'ftp://127.0.0.1/', 'https://'])(
      'only to https:// and to this machine, not to %s',
      async (to) => {
        const { code, out, err } = await runbook('audit', 'checkpoint', '--to', to)
        expect([code, out, err]).toEqual([2, '', expect.stringContaining('an https:// address')])
      },
    )
  })
})
