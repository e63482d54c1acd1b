import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { sha256Hex } from '../../src/core/canonical.ts'
import { Secret } from '../../src/config/secret.ts'
import { keepReloading, reload } from '../../src/engine/reload.ts'
import { newSigningKey, publicKeyOf } from '../../src/gate/keyring.ts'
import { closeIncident } from '../../src/history/close.ts'
import type { ProposedAction } from '../../src/core/proposal.ts'
import { signIn } from './browser-session.ts'
import { openHttpWorld, openIncident, openTestGate, type HttpWorld } from './http-world.ts'

const AN_UPDATE: ProposedAction = {
  id: '0-sql.update',
  kind: 'sql.update',
  access: 'write',
  target: '-',
  with: { connection: 'db', table: 'runs' },
  preview: { summary: 'UPDATE runs' },
}

let world: HttpWorld
let runbook: string
let config: string

beforeAll(async () => {
  world = await openHttpWorld(inject('stack'))
  runbook = join(world.root, 'runbooks/test-runs.yaml')
  config = join(world.root, 'runbook.config.yaml')
})

afterAll(() => world?.close())

let before: { runbook: string; config: string }
beforeEach(() => {
  before = { runbook: readFileSync(runbook, 'utf8'), config: readFileSync(config, 'utf8') }
})
afterEach(async () => {
  writeFileSync(runbook, before.runbook)
  writeFileSync(config, before.config)
  await world.reload()
})

function edit(file: string, from: string, to: string): void {
  const text = readFileSync(file, 'utf8')
  if (!text.includes(from)) throw new Error(`${file} does not contain ${from}`)
  writeFileSync(file, text.replace(from, to))
}

const filesOf = async () => (await world.call('GET', '/v1/incidents')).json.files
const titleOf = async () => (await world.call('GET', '/v1/runbooks/test-runs')).json.title

describe('a changed runbook', () => {
  test('is used for new incidents and for retries, while open incidents keep their plan and say that it has changed', async () => {
    const incident = await openIncident(world)
    const shown = (await world.call('GET', `/v1/incidents/${incident}`)).json
    expect(shown.runbookNow).toBe('same')

    edit(runbook, 'A run that a test made up', 'A run after the edit')
    expect(await world.reload()).toContain('test-runs changed')

    const later = (await world.call('GET', `/v1/incidents/${incident}`)).json
    expect([later.runbookNow, later.planDigest]).toEqual(['changed', shown.planDigest])
    await closeIncident(world.engine.database, { incident, outcome: 'cancelled', reason: 'by the test' })
    const retried = (await world.call('POST', `/v1/incidents/${incident}/retry`)).json.incident
    const fresh = (await world.call('GET', `/v1/incidents/${retried}`)).json
    expect(fresh.planDigest).not.toBe(shown.planDigest)
    expect(fresh.runbookNow).toBe('same')

    const { versions } = (await world.call('GET', '/v1/runbooks/test-runs/versions')).json
    expect(versions.map((one: any) => [one.planDigest, one.loaded])).toEqual([
      [fresh.planDigest, true],
      [shown.planDigest, false],
    ])
    const path = `/v1/runbooks/test-runs/versions/${shown.planDigest}`
    expect((await world.call('GET', path)).json.source).toBe(before.runbook)
  })

  test('with an error is not used: the older version stays, and list, show and GET /v1/runbooks say why', async () => {
    const incident = await openIncident(world)
    edit(runbook, 'A run that a test made up', 'A run after the edit')
    edit(runbook, 'diagnose:', 'diagnosis:')
    expect(await world.reload()).toContain('not loaded because of errors')
    expect(await titleOf()).toBe('A run that a test made up')
    const problem = expect.stringMatching(/test-runs\.yaml:\d+:\d+: .*diagnosis/)
    expect((await filesOf()).problems).toEqual([problem])
    expect((await world.call('GET', `/v1/incidents/${incident}`)).json.files.problems).toEqual([problem])
    expect((await world.call('GET', '/v1/runbooks')).json.files.problems).toEqual([problem])

    writeFileSync(runbook, before.runbook)
    await world.reload()
    expect((await filesOf()).problems).toEqual([])
  })

  test('is not used either while another runbook has an error', async () => {
    const other = join(world.root, 'runbooks/other.yaml')
    writeFileSync(other, 'version: 1\nrunbook: other\n')
    edit(runbook, 'A run that a test made up', 'A run after the edit')
    await world.reload()
    expect(await titleOf()).toBe('A run that a test made up')
    rmSync(other)
    await world.reload()
    expect(await titleOf()).toBe('A run after the edit')
  })
})

describe('a changed configuration', () => {
  test('admits a new person, and ends the access and the event streams of a person who was removed', async () => {
    const incident = await openIncident(world)
    expect((await world.call('GET', '/v1/runbooks', { token: 'of-the-new-person' })).status).toBe(401)
    const stream = await fetch(`${world.api.url}/v1/incidents/${incident}/events`, { headers: world.authorization })
    const ended = stream.text()

    edit(config, 'operator:', `newcomer: { token: "sha256:${sha256Hex('of-the-new-person')}" }\n  somebody:`)
    await world.reload()
    expect((await world.call('GET', '/v1/runbooks', { token: 'of-the-new-person' })).status).toBe(200)
    expect((await world.call('GET', '/v1/runbooks', { as: 'lead' })).status).toBe(200)
    await ended

    edit(config, /newcomer: .*/.exec(readFileSync(config, 'utf8'))![0], '')
    await world.reload()
    expect((await world.call('GET', '/v1/runbooks', { token: 'of-the-new-person' })).status).toBe(401)
  })

  test('with an error is not used', async () => {
    edit(config, 'requesterMayApprove: true', 'requesterMayDecide: true')
    await world.reload()
    expect((await filesOf()).problems.join()).toContain('requesterMayDecide')
    expect((await world.call('GET', '/v1/runbooks')).status).toBe(200)
  })

  test('with a stricter policy says at an open gate that nobody can approve it any more, and what to do', async () => {
    const incident = await openIncident(world)
    const digest = await openTestGate(world, incident, 1, [AN_UPDATE])
    const shown = async () => (await world.call('GET', `/v1/incidents/${incident}`)).json.cannotApprove
    expect(await shown()).toBeNull()
    writeFileSync(config, `${before.config}\npolicy: [{ name: two people, match: {}, count: 2 }]\n`)
    await world.reload()
    const why = 'policy rule "two people" now demands 2 people, more than when this was proposed: end the incident with'
    expect(await shown()).toContain(why)
    const page = (await (await signIn(world, 'operator')).get(`/incidents/${incident}`)).text
    expect(page).toContain('You may not approve this: policy rule')
    const body = { gate: `${incident}.r1`, decision: 'approve', proposalDigest: digest }
    const refused = await world.call('POST', `/v1/incidents/${incident}/decision`, { body })
    expect([refused.status, refused.json.detail]).toEqual([409, expect.stringContaining(why)])
  })

  test('opens other clients for a changed connection, and keeps those of an unchanged one', async () => {
    const { targets } = world.current.value
    edit(config, 'requesterMayApprove: true', 'requesterMayApprove: false')
    await world.reload()
    expect(world.current.value.config.requesterMayApprove).toBe(false)
    expect(world.current.value.targets).toBe(targets)
    edit(config, '"${DB_READ}"', '"${DB_READ_TOO}"')
    await world.reload()
    expect(world.current.value.targets).not.toBe(targets)
    await expect(targets.postgres('db', 'read')).rejects.toThrow('closed')
  })

  test('of the database needs a restart, which is reported; the other settings are in effect', async () => {
    edit(config, '${RUNBOOK_DATABASE_URL}', '${TOKEN_READER}')
    edit(config, 'requesterMayApprove: true', 'requesterMayApprove: false')
    expect(await world.reload()).toContain('the new settings of database are used only after a restart')
    expect((await filesOf()).restart).toEqual(['database'])
    expect(world.current.value.config.requesterMayApprove).toBe(false)
  })
})

test('a running process notices a changed file by itself, and says so once', async () => {
  const told: string[] = []
  let reloading: ReturnType<typeof keepReloading> | undefined
  const noticed = new Promise<void>((resolve) => {
    const log = (line: string) => {
      told.push(line)
      resolve()
    }
    reloading = keepReloading(world.current, { load: world.load, log, pollMs: 20 })
  })
  edit(runbook, 'A run that a test made up', 'A run after the edit')
  await noticed
  await reloading!.stop()
  expect(told).toEqual([expect.stringContaining('test-runs changed')])
  expect(await titleOf()).toBe('A run after the edit')
})

test('a new signing key is accepted at once without a restart, while the former one still signs', async () => {
  const [made, former] = [newSigningKey(), world.current.value.keyring.publicKey]
  const signing = { key: new Secret('${KEY}', 'the signing key', made, []), previous: [former] }
  expect(await reload(world.current, () => ({ ...world.load(), signing }))).toContain('configuration: signing')
  const { files, keyring } = world.current.value
  expect(files.restart).toEqual([])
  expect(keyring.engineKeys).toEqual([publicKeyOf(made), former])
  expect(keyring.publicKey).toBe(former)
})
