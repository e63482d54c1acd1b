import { createServer, connect, type AddressInfo, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { JsonObject } from '../../src/core/json.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import { prepareLedger } from '../../src/effects/prepare-ledger.ts'
import { effectPlace, hasIntent } from '../../src/effects/record-effect.ts'
import type { EffectRequest } from '../../src/effects/request.ts'
import { engineId } from '../../src/history/engine-id.ts'
import {
  addRun,
  createEffectsWorld,
  denying,
  depsFor,
  eventually,
  openTestGate,
  permits,
  pool,
  postgresTarget,
  readRun,
  requestFor,
  deferred,
  type EffectsWorld,
} from '../support/effects-world.ts'

let world: EffectsWorld

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
})

afterAll(() => world?.close())

function failRun(
  gate: string,
  id: string,
  more: { where?: JsonObject; set?: JsonObject; rows?: number } = {},
): EffectRequest {
  const where = { id, status: 'RUNNING', ...more.where }
  const set = { status: 'FAILED', failure_reason: 'Stalled', ...more.set }
  return requestFor(
    gate,
    'sql.update',
    { connection: 'db', table: 'runs', where, set, ...(more.rows ? { rows: more.rows } : {}) },
    id,
  )
}

/** Creates an approved gate and a run. */
async function gateAndRun(id: string): Promise<{ gate: string; updatedAt: string }> {
  return { gate: await openTestGate(world), updatedAt: await addRun(world, id) }
}

async function ledgerEntries(gate: string): Promise<number> {
  const found = await world.owner.query('SELECT 1 FROM runbook_ledger.effects WHERE starts_with(key, $1)', [
    `${await engineId(world.engine)}/${gate}/`,
  ])
  return found.rowCount ?? 0
}

async function recorded(gate: string): Promise<number> {
  return (await world.engine.query('SELECT 1 FROM runbook.effects WHERE gate = $1', [gate])).rowCount ?? 0
}

/** Whether a session in the target's database waits for a lock. */
async function isSessionBlocked(): Promise<boolean> {
  const found = await world.owner.query(
    `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
  )
  return (found.rowCount ?? 0) > 0
}

describe('an approved update', () => {
  test('is applied, stored in the ledger with its digest, and recorded with an event', async () => {
    const { gate, updatedAt } = await gateAndRun('plain')
    const { takePermit, requests } = permits()
    const deps = depsFor(world, postgresTarget(world.write), takePermit)
    const request = failRun(gate, 'plain', { where: { updated_at: updatedAt, failure_reason: null } })

    const answer = await executeEffect(request, deps)

    expect(answer).toEqual({
      effect: {
        gate,
        action: '0-sql.update',
        target: 'plain',
        result: 'applied',
        detail: '1 row of runs changed',
        observed: { rows: 1 },
      },
    })
    expect(await readRun(world, 'plain')).toEqual({ status: 'FAILED', failure_reason: 'Stalled', changes: 1 })
    const entry = await world.owner.query('SELECT digest FROM runbook_ledger.effects WHERE key = $1', [
      `${await engineId(world.engine)}/${gate}/0-sql.update/plain`,
    ])
    expect(entry.rows).toEqual([{ digest: request.proposalDigest }])
    const events = await world.engine.query<{ body: string }>('SELECT body FROM runbook.events WHERE incident = $1', [
      gate.split('.')[0],
    ])
    expect(events.rows.map((row) => JSON.parse(row.body))).toMatchObject([
      {
        actor: 'engine',
        kind: 'effect',
        place: 'r1/effect/0-sql.update/plain',
        data: { result: 'applied', observed: { rows: 1 } },
      },
    ])
    expect(await executeEffect(request, deps)).toEqual(answer)
    expect(requests).toHaveLength(1)
    expect((await readRun(world, 'plain'))?.changes).toBe(1)
  })

  test('is not applied again if the engine lost its record', async () => {
    const { gate } = await gateAndRun('forgotten')
    const { takePermit, requests } = permits()
    const deps = depsFor(world, postgresTarget(world.write), takePermit)
    await executeEffect(failRun(gate, 'forgotten'), deps)
    await world.owner.query(`UPDATE runs SET status = 'RUNNING' WHERE id = 'forgotten'`)
    await forget(gate)

    expect(await executeEffect(failRun(gate, 'forgotten'), deps)).toMatchObject({ effect: { result: 'applied' } })
    expect(requests).toHaveLength(1)
    expect((await readRun(world, 'forgotten'))?.status).toBe('RUNNING')
  })

  test('waits for another attempt that is still running, and returns its result', async () => {
    const { gate } = await gateAndRun('twin')
    const [entered, go] = [deferred(), deferred()]
    const { takePermit, requests } = permits({
      before: async () => {
        entered.resolve()
        await go.promise
      },
    })
    const deps = depsFor(world, postgresTarget(world.write), takePermit)
    const first = executeEffect(failRun(gate, 'twin'), deps)
    await entered.promise
    const second = executeEffect(failRun(gate, 'twin'), deps)
    await eventually('the second attempt waits for the first', isSessionBlocked)
    go.resolve()

    expect(await second).toEqual(await first)
    expect(await first).toMatchObject({ effect: { result: 'applied' } })
    expect(requests).toHaveLength(1)
    expect((await readRun(world, 'twin'))?.changes).toBe(1)
  })

  test('is applied by the second attempt when the first one is killed', async () => {
    const { gate } = await gateAndRun('killed')
    const [entered, go] = [deferred(), deferred()]
    const first = permits({
      before: async () => {
        entered.resolve()
        await go.promise
      },
    })
    const dying = executeEffect(failRun(gate, 'killed'), depsFor(world, postgresTarget(world.write), first.takePermit))
    await entered.promise
    const second = executeEffect(
      failRun(gate, 'killed'),
      depsFor(world, postgresTarget(world.write), permits().takePermit),
    )
    await eventually('the second attempt waits for the first', isSessionBlocked)
    await world.owner.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`,
    )

    expect(await second).toMatchObject({ effect: { result: 'applied' } })
    go.resolve()
    await expect(dying).rejects.toThrow()
    expect((await readRun(world, 'killed'))?.changes).toBe(1)
  })

  test('is refused in both attempts when the first one is refused, with one permit request', async () => {
    const { gate } = await gateAndRun('refused-twin')
    const [entered, go] = [deferred(), deferred()]
    let permitRequests = 0
    const deps = depsFor(world, postgresTarget(world.write), async () => {
      permitRequests += 1
      entered.resolve()
      await go.promise
      return { granted: false, reason: 'breaker', message: 'breaker/db is on' }
    })
    const first = executeEffect(failRun(gate, 'refused-twin'), deps)
    await entered.promise
    const second = executeEffect(failRun(gate, 'refused-twin'), deps)
    await eventually('the second attempt waits for the first', isSessionBlocked)
    go.resolve()

    expect(await first).toMatchObject({
      effect: { result: 'refused', detail: 'no permit (breaker): breaker/db is on' },
    })
    expect(await second).toEqual(await first)
    expect(permitRequests).toBe(1)
    expect(await ledgerEntries(gate)).toBe(0)
  })

  test('is not recorded as refused by an attempt whose transaction was terminated', async () => {
    const { gate } = await gateAndRun('lost-hold')
    const request = failRun(gate, 'lost-hold')
    const deps = depsFor(world, postgresTarget(world.write), async () => {
      await world.owner.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`,
      )
      return { granted: false, reason: 'breaker', message: 'breaker/db is on' }
    })
    await expect(executeEffect(request, deps)).rejects.toThrow()
    expect(await recorded(gate)).toBe(0)
    expect(
      await executeEffect(request, depsFor(world, postgresTarget(world.write), permits().takePermit)),
    ).toMatchObject({
      effect: { result: 'applied' },
    })
  })

  test('is refused if the ledger contains the same effect for another proposal', async () => {
    const { gate } = await gateAndRun('digest')
    await world.owner.query(
      `INSERT INTO runbook_ledger.effects (key, digest, detail, rows) VALUES ($1, repeat('0', 64), 'before', 1)`,
      [`${await engineId(world.engine)}/${gate}/0-sql.update/digest`],
    )
    const { takePermit, requests } = permits()
    const answer = await executeEffect(failRun(gate, 'digest'), depsFor(world, postgresTarget(world.write), takePermit))

    expect(answer).toMatchObject({ effect: { result: 'refused', detail: expect.stringContaining('another proposal') } })
    expect(requests).toHaveLength(0)
    expect((await readRun(world, 'digest'))?.status).toBe('RUNNING')
  })
})

describe('a permit', () => {
  test('with a lower fence than the one in the target changes nothing and is requested again', async () => {
    const { gate } = await gateAndRun('fence')
    const fence = `${await engineId(world.engine)}/run/fence`
    await world.owner.query('INSERT INTO runbook_ledger.fences (name, fence) VALUES ($1, 1)', [fence])
    const late = permits({ lease: 'run/fence' })
    await world.owner.query('UPDATE runbook_ledger.fences SET fence = 2 WHERE name = $1', [fence])
    const deps = depsFor(world, postgresTarget(world.write), late.takePermit)

    await expect(executeEffect(failRun(gate, 'fence'), deps)).rejects.toMatchObject({ code: 'RUNBOOK_CONFLICT' })
    expect([await recorded(gate), await ledgerEntries(gate), (await readRun(world, 'fence'))?.changes]).toEqual([
      0, 0, 0,
    ])

    expect(await executeEffect(failRun(gate, 'fence'), deps)).toMatchObject({ effect: { result: 'applied' } })
  })

  test('that took longer than the deadline changes nothing; the next attempt applies the change', async () => {
    const { gate } = await gateAndRun('late')
    let waits = 1_300
    const { takePermit } = permits({
      before: async () => {
        await new Promise((resolve) => setTimeout(resolve, waits))
        waits = 0
      },
    })
    const deps = depsFor(world, postgresTarget(world.write), takePermit)
    const request = { ...failRun(gate, 'late'), timeoutMs: 1_000 }

    await expect(executeEffect(request, deps)).rejects.toThrow(/deadline passed/)
    expect([await recorded(gate), await ledgerEntries(gate), (await readRun(world, 'late'))?.changes]).toEqual([
      0, 0, 0,
    ])
    expect(await executeEffect(request, deps)).toMatchObject({ effect: { result: 'applied' } })
    expect((await readRun(world, 'late'))?.changes).toBe(1)
  })

  test('of a suspended process is replaced: the server ends its transaction before the lease ends', async () => {
    const { gate } = await gateAndRun('stopped')
    const [entered, go] = [deferred(), deferred()]
    const stopped = permits({
      before: async () => {
        entered.resolve()
        await go.promise
      },
    })
    const first = executeEffect(
      failRun(gate, 'stopped'),
      depsFor(world, postgresTarget(world.write), stopped.takePermit),
    )
    const failed = expect(first).rejects.toThrow()
    await entered.promise
    const { leaseMs } = stopped.requests[0]!
    const began = Date.now()
    await eventually('the server ends the transaction', async () => {
      const found = await world.owner.query(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'`,
      )
      return found.rowCount === 0
    })
    expect(Date.now() - began).toBeLessThan(leaseMs)
    const second = await executeEffect(
      failRun(gate, 'stopped'),
      depsFor(world, postgresTarget(world.write), permits().takePermit),
    )
    go.resolve()

    expect(second).toMatchObject({ effect: { result: 'applied' } })
    await failed
    expect((await readRun(world, 'stopped'))?.changes).toBe(1)
  })

  test('that is refused as stale or cancelled is returned, and nothing is recorded', async () => {
    const { gate } = await gateAndRun('stale')
    const request = failRun(gate, 'stale')
    const answers = [
      await executeEffect(request, depsFor(world, postgresTarget(world.write), denying('stale'))),
      await executeEffect(request, depsFor(world, postgresTarget(world.write), denying('cancelled'))),
    ]
    expect(answers).toEqual([
      { stale: true, message: 'it is stale' },
      { cancelled: true, message: 'it is cancelled' },
    ])
    await expect(executeEffect(request, depsFor(world, postgresTarget(world.write), denying('busy')))).rejects.toThrow(
      'it is busy',
    )
    expect([await recorded(gate), await ledgerEntries(gate), (await readRun(world, 'stale'))?.changes]).toEqual([
      0, 0, 0,
    ])
  })
})

describe('the guard', () => {
  test('refuses if the row changed after the diagnosis, and the refusal is final', async () => {
    const { gate, updatedAt } = await gateAndRun('moved')
    await world.owner.query(`UPDATE runs SET updated_at = updated_at + interval '1 microsecond' WHERE id = 'moved'`)
    const deps = depsFor(world, postgresTarget(world.write), permits().takePermit)
    const request = failRun(gate, 'moved', { where: { updated_at: updatedAt } })

    const answer = await executeEffect(request, deps)
    expect(answer).toMatchObject({
      effect: { result: 'refused', detail: expect.stringContaining('0 of 1 rows match') },
    })
    expect(await ledgerEntries(gate)).toBe(0)

    await world.owner.query(`UPDATE runs SET updated_at = updated_at - interval '1 microsecond' WHERE id = 'moved'`)
    expect(await executeEffect(request, deps)).toEqual(answer)
    expect((await readRun(world, 'moved'))?.status).toBe('RUNNING')
  })

  test('refuses if more rows match than declared, and changes none of them', async () => {
    const gate = await openTestGate(world)
    await addRun(world, 'many-1', 'MANY')
    await addRun(world, 'many-2', 'MANY')
    const request = requestFor(gate, 'sql.update', {
      connection: 'db',
      table: 'public.runs',
      where: { status: 'MANY' },
      set: { status: 'FAILED' },
    })
    const deps = depsFor(world, postgresTarget(world.write), permits().takePermit)

    expect(await executeEffect(request, deps)).toMatchObject({
      effect: { result: 'refused', detail: expect.stringContaining('2 of 1 rows') },
    })
    expect([(await readRun(world, 'many-1'))?.changes, (await readRun(world, 'many-2'))?.changes]).toEqual([0, 0])
  })

  test('treats SQL in values as values', async () => {
    const payloads = [
      `'; DROP TABLE runs; --`,
      `x' OR '1'='1`,
      `$1; SELECT pg_sleep(10)`,
      `"; UPDATE runs SET status = 'X`,
      'a\\',
      `E'\\x27`,
      '${{ inputs.run }}',
      '\u202Egnp',
    ]
    for (const [i, payload] of payloads.entries()) {
      const { gate } = await gateAndRun(`hostile-${i}${payload}`)
      const request = failRun(gate, `hostile-${i}${payload}`, { set: { failure_reason: payload } })
      expect(
        await executeEffect(request, depsFor(world, postgresTarget(world.write), permits().takePermit)),
      ).toMatchObject({
        effect: { result: 'applied' },
      })
      expect(await readRun(world, `hostile-${i}${payload}`)).toEqual({
        status: 'FAILED',
        failure_reason: payload,
        changes: 1,
      })
    }
  })

  test.each(['runs; DROP TABLE runs', 'runs" --', 'a.b.c', ''])(
    'refuses %j as a table before a permit is requested',
    async (table) => {
      const { gate } = await gateAndRun(`table-${table}`)
      const { takePermit, requests } = permits()
      const request = failRun(gate, `table-${table}`)
      request.action.with['table'] = table
      const answer = await executeEffect(request, depsFor(world, postgresTarget(world.write), takePermit))
      expect(answer).toMatchObject({ effect: { result: 'refused' } })
      expect(requests).toHaveLength(0)
    },
  )

  test('refuses what the table or the role does not allow, and gives the reason', async () => {
    const cases: [string, JsonObject, RegExp][] = [
      ['check', { status: 'BAD' }, /check constraint.*23514/],
      ['type', { attempt: 'many' }, /invalid input syntax.*22P02/],
      ['rights', { changes: 7 }, /permission denied.*42501/],
      ['column', { nowhere: 1 }, /does not exist.*42703/],
    ]
    for (const [id, set, detail] of cases) {
      const { gate } = await gateAndRun(`not-allowed-${id}`)
      const answer = await executeEffect(
        failRun(gate, `not-allowed-${id}`, { set }),
        depsFor(world, postgresTarget(world.write), permits().takePermit),
      )
      expect(answer).toMatchObject({ effect: { result: 'refused', detail: expect.stringMatching(detail) } })
      expect([await ledgerEntries(gate), (await readRun(world, `not-allowed-${id}`))?.changes]).toEqual([0, 0])
    }
  })

  test('fails with a retryable error while another session locks the row', async () => {
    const { gate } = await gateAndRun('locked')
    const holder = await world.owner.connect()
    await holder.query('BEGIN')
    await holder.query(`SELECT 1 FROM runs WHERE id = 'locked' FOR UPDATE`)
    const deps = depsFor(world, postgresTarget(world.write), permits().takePermit)
    const request = { ...failRun(gate, 'locked'), timeoutMs: 1_000 }

    await expect(executeEffect(request, deps)).rejects.toThrow(/lock timeout|statement timeout/)
    expect(await recorded(gate)).toBe(0)
    await holder.query('ROLLBACK')
    holder.release()
    expect(await executeEffect(request, deps)).toMatchObject({ effect: { result: 'applied' } })
  })
})

describe('when the connection breaks', () => {
  test('after the commit and before its answer, the ledger shows that the update was applied', async () => {
    const { gate } = await gateAndRun('cut-after')
    const proxy = await startCuttingProxy(world.writeUrl, 'answer')
    const through = pool(proxy.url)
    const { takePermit, requests } = permits()

    const answer = await executeEffect(failRun(gate, 'cut-after'), depsFor(world, postgresTarget(through), takePermit))

    expect(proxy.cuts()).toBe(1)
    expect(answer).toMatchObject({ effect: { result: 'applied', observed: { rows: 1 } } })
    expect(requests).toHaveLength(1)
    expect((await readRun(world, 'cut-after'))?.changes).toBe(1)
    await through.end()
    await proxy.close()
  })

  test('before the commit, nothing is changed, and the next attempt applies the update', async () => {
    const { gate } = await gateAndRun('cut-before')
    const proxy = await startCuttingProxy(world.writeUrl, 'request')
    const through = pool(proxy.url)
    const deps = depsFor(world, postgresTarget(through), permits().takePermit)

    await expect(executeEffect(failRun(gate, 'cut-before'), deps)).rejects.toMatchObject({
      code: 'RUNBOOK_UNREACHABLE',
    })
    expect([await recorded(gate), (await readRun(world, 'cut-before'))?.changes]).toEqual([0, 0])
    expect(await executeEffect(failRun(gate, 'cut-before'), deps)).toMatchObject({ effect: { result: 'applied' } })
    expect((await readRun(world, 'cut-before'))?.changes).toBe(1)
    await through.end()
    await proxy.close()
  })
})

describe('a database without the ledger', () => {
  const withoutLedger = () => postgresTarget(world.write, 'none')

  test('is changed once, after the intent was recorded', async () => {
    const { gate } = await gateAndRun('bare')
    const { takePermit, requests } = permits()
    const deps = depsFor(world, withoutLedger(), takePermit)

    expect(await executeEffect(failRun(gate, 'bare'), deps)).toMatchObject({
      effect: { result: 'applied', observed: { rows: 1 } },
    })
    expect(await executeEffect(failRun(gate, 'bare'), deps)).toMatchObject({ effect: { result: 'applied' } })
    expect(requests).toHaveLength(1)
    expect((await readRun(world, 'bare'))?.changes).toBe(1)
    expect(await ledgerEntries(gate)).toBe(0)
  })

  test('is only read, never written to, if an earlier attempt left only its intent', async () => {
    const done = await gateAndRun('bare-done')
    const notDone = await gateAndRun('bare-not')
    await world.owner.query(`UPDATE runs SET status = 'FAILED', failure_reason = 'Stalled' WHERE id = 'bare-done'`)
    for (const [gate, id] of [
      [done.gate, 'bare-done'],
      [notDone.gate, 'bare-not'],
    ])
      await world.engine.query('INSERT INTO runbook.intents (gate, action, target) VALUES ($1, $2, $3)', [
        gate,
        '0-sql.update',
        id,
      ])
    const { takePermit, requests } = permits()
    const deps = depsFor(world, withoutLedger(), takePermit)

    expect(await executeEffect(failRun(done.gate, 'bare-done'), deps)).toMatchObject({
      effect: { result: 'applied', detail: expect.stringContaining('observed') },
    })
    expect(await executeEffect(failRun(notDone.gate, 'bare-not'), deps)).toMatchObject({
      effect: { result: 'unknown' },
    })
    expect(requests).toHaveLength(0)
    expect((await readRun(world, 'bare-not'))?.changes).toBe(0)
  })

  test('is not changed by an attempt that was suspended until another attempt recorded the effect as unknown', async () => {
    const { gate } = await gateAndRun('bare-suspended')
    const request = { ...failRun(gate, 'bare-suspended'), timeoutMs: 1_000 }
    const narrow = pool(world.writeUrl, 1)
    let proceed = () => {}
    const suspended = new Promise<void>((resolve) => (proceed = resolve))
    narrow.on('connect', (client) => {
      const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>
      const late = async (...args: unknown[]) => {
        if (String(args[0]).startsWith('BEGIN')) await suspended
        return query(...args)
      }
      Object.assign(client, { query: late })
    })
    const { takePermit } = permits()
    const first = executeEffect(request, depsFor(world, postgresTarget(narrow, 'none'), takePermit))
    await eventually('the first attempt has recorded its intent', () => hasIntent(world.engine, effectPlace(request)))
    const second = await executeEffect(request, depsFor(world, withoutLedger(), permits().takePermit))
    await new Promise((resolve) => setTimeout(resolve, 1_100))
    proceed()

    expect(second).toMatchObject({ effect: { result: 'unknown' } })
    expect(await first).toEqual(second)
    expect((await readRun(world, 'bare-suspended'))?.changes).toBe(0)
    await narrow.end()
  })

  test('is not changed if a different number of rows matches', async () => {
    const { gate } = await gateAndRun('bare-moved')
    const deps = depsFor(world, withoutLedger(), permits().takePermit)
    const answer = await executeEffect(failRun(gate, 'bare-moved', { where: { attempt: 9 } }), deps)
    expect(answer).toMatchObject({ effect: { result: 'refused', detail: expect.stringContaining('0 of 1 rows') } })
  })
})

describe("the engine's write role", () => {
  test.each([
    `UPDATE runbook_ledger.effects SET detail = 'x'`,
    'DELETE FROM runbook_ledger.effects',
    'DELETE FROM runbook_ledger.fences',
    'TRUNCATE runbook_ledger.effects',
    `UPDATE runbook_ledger.fences SET name = 'x'`,
    `INSERT INTO runs (id, status) VALUES ('x', 'x')`,
    'DELETE FROM runs',
    'UPDATE runs SET changes = 0',
    'CREATE TABLE runbook_ledger.mine ()',
  ])('may not %s', async (statement) => {
    await expect(world.write.query(statement)).rejects.toMatchObject({ code: '42501' })
  })

  test('can be prepared by several processes at once, and each migration runs once', async () => {
    const role = new URL(world.writeUrl).username
    await world.owner.query('ALTER SCHEMA runbook_ledger RENAME TO first_ledger')
    try {
      const applied = await Promise.all([1, 2, 3].map(() => prepareLedger(world.ownerUrl, role)))
      expect(applied.flat()).toEqual(['0001-ledger.sql'])
      await expect(prepareLedger(world.ownerUrl, 'nobody_by_this_name')).rejects.toMatchObject({
        code: 'RUNBOOK_CONFIG',
      })
      await world.owner.query('DROP SCHEMA runbook_ledger CASCADE')
    } finally {
      await world.owner.query('ALTER SCHEMA first_ledger RENAME TO runbook_ledger')
    }
  })

  test('without a prepared ledger, the message says what to do', async () => {
    const { gate } = await gateAndRun('unprepared')
    await world.owner.query('ALTER SCHEMA runbook_ledger RENAME TO hidden_ledger')
    try {
      const answer = await executeEffect(
        failRun(gate, 'unprepared'),
        depsFor(world, postgresTarget(world.write), permits().takePermit),
      )
      expect(answer).toMatchObject({
        effect: { result: 'refused', detail: expect.stringContaining('runbook connection prepare') },
      })
    } finally {
      await world.owner.query('ALTER SCHEMA hidden_ledger RENAME TO runbook_ledger')
    }
  })
})

/** Deletes the engine's record, as if the process had crashed after the commit in the target. */
async function forget(gate: string): Promise<void> {
  await world.engineOwner.query('ALTER TABLE runbook.effects DISABLE TRIGGER USER')
  await world.engineOwner.query('DELETE FROM runbook.effects WHERE gate = $1', [gate])
  await world.engineOwner.query('ALTER TABLE runbook.effects ENABLE TRIGGER USER')
}

/** A proxy that cuts the connection at the first COMMIT: before the request is sent, or before the answer arrives. */
async function startCuttingProxy(url: string, cut: 'request' | 'answer') {
  const { hostname, port } = new URL(url)
  let cuts = 0
  const open = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    let committing = false
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      open.add(socket)
      socket.on('error', end)
      socket.on('close', end)
    }
    client.on('data', (chunk) => {
      const commits = cuts === 0 && chunk.includes('COMMIT\0')
      if (commits) cuts += 1
      if (commits && cut === 'request') return end()
      committing = commits
      upstream.write(chunk)
    })
    upstream.on('data', (chunk) => {
      if (committing) return end()
      client.write(chunk)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const through = new URL(url)
  through.hostname = '127.0.0.1'
  through.port = String((server.address() as AddressInfo).port)
  return {
    url: through.toString(),
    cuts: () => cuts,
    close: async () => {
      for (const socket of open) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
