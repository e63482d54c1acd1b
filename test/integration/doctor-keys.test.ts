import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { Secret } from '../../src/config/secret.ts'
import { NO_POLICY } from '../../src/core/policy.ts'
import type { People } from '../../src/core/person.ts'
import { doctorKeys } from '../../src/engine/setup/doctor-keys.ts'
import { decide } from '../../src/gate/decide.ts'
import { newSigningKey, openKeyring, publicKeyOf } from '../../src/gate/keyring.ts'
import { withdraw } from '../../src/gate/withdraw.ts'
import { closeIncident } from '../../src/history/close.ts'
import { openEngineWorld, propose, type EngineWorld } from '../support/engine-world.ts'

let world: EngineWorld
const [former, current] = [newSigningKey(), newSigningKey()]
const people: People = Object.fromEntries(
  ['operator', 'lead'].map((name) => [name, { name, groups: ['oncall'], keys: [] }]),
)

beforeAll(async () => {
  world = await openEngineWorld(inject('stack').postgresUrl)
})
afterAll(() => world?.close())

/** The findings of the doctor with the current key and these former keys. */
function examined(...previous: string[]) {
  const secret = (value: string) => new Secret('${X}', 'a test', value, [])
  const config = { database: secret(world.applicationUrl), signing: { key: secret(current), previous }, people: {} }
  return doctorKeys(config)
}

/** A gate that needs two approvals and has one, signed with this key. */
async function halfApproved(key: string) {
  const opened = await propose(world, { approval: { count: 2 } })
  const deps = { database: world.engine, keyring: openKeyring({ key }, people), people, policy: NO_POLICY }
  const all = { ...deps, wakeWorkflow: async () => {} }
  await decide(all, people['operator']!, { gate: opened.gate, proposalDigest: opened.digest, decision: 'approve' })
  return { ...opened, withdraw: () => withdraw(all, people['operator']!, { gate: opened.gate }) }
}

test('doctor names the key that open gates need and the configuration lacks, and says when a former key can be removed', async () => {
  expect(await examined()).toEqual([])
  await halfApproved(current)
  const one = await halfApproved(former)
  const two = await halfApproved(former)
  const name = publicKeyOf(former)
  expect(await examined()).toMatchObject([
    {
      name: 'missing key',
      ok: false,
      detail: expect.stringContaining(`decisions on ${one.gate}, ${two.gate} do not count: they are signed by ${name}`),
      fix: expect.stringContaining('signing.previous'),
    },
  ])
  expect(await examined(name)).toMatchObject([
    { name: 'former signing key', ok: true, detail: `${name}: ${one.gate}, ${two.gate} need it` },
  ])

  await one.withdraw()
  expect(await examined(name)).toMatchObject([{ detail: `${name}: ${two.gate} needs it` }])
  await closeIncident(world.engine, { incident: two.incident, outcome: 'cancelled', reason: 'over' })
  expect(await examined(name)).toMatchObject([{ ok: true, detail: expect.stringContaining('no open gate needs it') }])
  expect(await examined()).toEqual([])
})

test('a decision whose token was replaced by a text is reported too', async () => {
  const { gate, incident } = await halfApproved(current)
  const client = await world.superuser.connect()
  await client.query('SET session_replication_role = replica')
  await client.query(`UPDATE runbook.decisions SET token = 'a text' WHERE gate = $1`, [gate])
  client.release(true)
  expect(await examined()).toMatchObject([
    {
      ok: false,
      detail: expect.stringContaining(
        `decisions on ${gate} do not count: they are signed by a key that they do not name`,
      ),
    },
  ])
  await closeIncident(world.engine, { incident, outcome: 'cancelled', reason: 'over' })
})
