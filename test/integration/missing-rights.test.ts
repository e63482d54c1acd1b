import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { previewAction } from '../../activities/preview-action.ts'
import type { Plan, PlanAction } from '../../src/core/plan.ts'
import type { JsonObject } from '../../src/core/json.ts'
import { missingGrants } from '../../src/effects/missing-rights.ts'
import { doctorConnections } from '../../src/engine/setup/doctor-connections.ts'
import { bullmqConnection, openTestTargets, postgresConnection } from '../support/connections.ts'
import { addRun, createEffectsWorld, pool, type EffectsWorld } from '../support/effects-world.ts'
import { plan, remedy } from '../unit/interpreter/plan-fixture.ts'

let world: EffectsWorld
let writer: string
const cleanups: (() => unknown)[] = []

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
  writer = new URL(world.writeUrl).username
  await addRun(world, 'run-1')
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})
afterAll(() => world?.close())

const signal = () => new AbortController().signal

function planWith(kind: string, given: JsonObject): Plan {
  const parameters = Object.fromEntries(Object.entries(given).map(([name, lit]) => [name, { lit }]))
  const action: PlanAction = { id: `0-${kind}`, kind, access: 'write', with: parameters, once: false, timeoutMs: 1 }
  return plan({ remedies: { mend: remedy('mend', { actions: [action] }) } })
}

async function withoutRight(right: string): Promise<void> {
  await world.owner.query(`REVOKE ${right} FROM ${writer}`)
  cleanups.push(() => world.owner.query(`GRANT ${right} TO ${writer}`))
}

describe('a PostgreSQL write login that lacks a right', () => {
  const parameters = { connection: 'c', table: 'runs', set: { status: 'FAILED' }, where: { id: 'run-1' }, rows: 1 }
  const connections = () => ({ c: postgresConnection(world.ownerUrl, world.writeUrl) })
  const gate = async (kind = 'sql.update', given: JsonObject = parameters) => {
    const targets = openTestTargets(connections())
    cleanups.push(() => targets.close())
    return previewAction(kind, given, { targets, signal: signal() })
  }
  const doctor = async (kind = 'sql.update', given: JsonObject = parameters) =>
    (await doctorConnections({ connections: connections() }, undefined, [planWith(kind, given)]))[0]!

  test('is named by doctor and on the gate, and no longer when it is granted', async () => {
    await withoutRight('UPDATE (status) ON runs')
    expect((await gate()).warning).toContain('missing right: the write login lacks UPDATE (status) on runs.')
    const finding = await doctor()
    expect(finding.detail).toContain('the write login lacks UPDATE (status) on runs')
    expect(finding).toMatchObject({ warning: true, fix: expect.stringContaining('connection prepare c') })

    await world.owner.query(`GRANT UPDATE (status) ON runs TO ${writer}`)
    expect((await gate()).warning).toBeUndefined()
    expect((await doctor()).detail).not.toContain('lacks')
  })

  test('on a column of the guard is named too', async () => {
    await withoutRight('SELECT (id) ON runs')
    expect((await gate()).warning).toContain('lacks SELECT (id) on runs')
    expect((await doctor()).detail).toContain('lacks SELECT (id) on runs')
  })

  test('of the ledger of effects is named', async () => {
    await withoutRight('INSERT ON runbook_ledger.effects')
    expect((await gate()).warning).toContain('lacks INSERT on runbook_ledger.effects')
    expect((await doctor()).detail).toContain('lacks INSERT on runbook_ledger.effects')
  })

  test('for a whole statement is what the server says about this statement', async () => {
    const given = {
      connection: 'c',
      sql: "DELETE FROM runs WHERE id = 'run-1'",
      params: [],
      tables: { runs: ['select', 'delete'] },
      rows: 1,
    }
    expect((await gate('sql.execute', given)).warning).toContain('missing right')
    expect((await doctor('sql.execute', given)).detail).toContain('lacks DELETE, SELECT on runs')
  })

  test('a table, a schema and a column that the login cannot see are distinguished', async () => {
    await world.owner.query('CREATE SCHEMA hidden; CREATE TABLE hidden.orders(id int)')
    cleanups.push(() => world.owner.query('DROP SCHEMA hidden CASCADE'))
    const write = pool(world.writeUrl, 1)
    cleanups.push(() => write.end())
    const on = (table: string, column = 'id') => ({ table, update: [column], select: [] })
    expect(await missingGrants(write, [on('nothing'), on('hidden.orders'), on('runs', 'nothing')])).toEqual([
      'access to nothing: the login sees no table of this name',
      'USAGE on the schema of hidden.orders',
      'the columns nothing of runs, which do not exist',
    ])
    expect(await missingGrants(write, [])).toEqual([])
  })
})

describe('a Redis write login that lacks a command of the actions', () => {
  test('is named by doctor and on the gate', async () => {
    const admin = new Redis(inject('stack').redisUrl)
    const user = `rights-${randomBytes(4).toString('hex')}`
    cleanups.push(async () => {
      await admin.call('ACL', 'DELUSER', user)
      admin.disconnect()
    })
    await admin.call('ACL', 'SETUSER', user, 'on', '>pw-of-the-user', '~*', '+@all', '-lrem', '-zadd')
    const url = new URL(inject('stack').redisUrl)
    url.username = user
    url.password = 'pw-of-the-user'
    const prefix = `rights-${randomBytes(4).toString('hex')}`
    const connections = { c: bullmqConnection(url.href, { prefix }) }
    await admin.hset(`${prefix}:queue:meta`, 'paused', '1')
    cleanups.push(() => admin.del(`${prefix}:queue:meta`))

    const [finding] = await doctorConnections({ connections })
    expect(finding!.detail).toContain('the write login lacks LREM; ZADD')
    const targets = openTestTargets(connections)
    cleanups.push(() => targets.close())
    const shown = await previewAction('bullmq.resume', { connection: 'c' }, { targets, signal: signal() })
    expect(shown.warning).toContain('missing right: the write login lacks LREM; ZADD')
  })
})
