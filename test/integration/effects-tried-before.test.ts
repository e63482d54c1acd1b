import { afterAll, beforeAll, describe, expect, inject, test, vi } from 'vitest'
import { RunbookError } from '../../src/core/errors.ts'
import type { PermitRequest, TakePermit } from '../../src/gate/permit-request.ts'
import { executeEffect } from '../../src/effects/execute.ts'
import type { EffectRequest } from '../../src/effects/request.ts'
import type { Targets } from '../../src/targets/targets.ts'
import {
  addRun,
  createEffectsWorld,
  denying,
  depsFor,
  openTestGate,
  permits,
  postgresTarget,
  readRun,
  requestFor,
  type EffectsWorld,
} from '../support/effects-world.ts'

let world: EffectsWorld

beforeAll(async () => {
  world = await createEffectsWorld(inject('stack').postgresUrl)
})

afterAll(() => world?.close())

/** A gate and a run; the request fails the run. */
async function situation(id: string): Promise<EffectRequest> {
  await addRun(world, id)
  const where = { id, status: 'RUNNING' }
  return requestFor(
    await openTestGate(world),
    'sql.update',
    { connection: 'db', table: 'runs', where, set: { status: 'FAILED' } },
    id,
  )
}

/** Grants a permit and stores it, as the engine does. */
const { takePermit: grant } = permits()
const takePermit: TakePermit = async (request) => {
  await storePermit(request)
  return grant(request)
}

async function storePermit({ gate, target }: Pick<PermitRequest, 'gate' | 'target'>): Promise<void> {
  await world.engine.query(
    `INSERT INTO runbook.permits (gate, target, remedy, lease, fence) VALUES ($1, $2, 'test/test', $1, 1)
     ON CONFLICT (gate, target) DO UPDATE SET renewed_at = clock_timestamp()`,
    [gate, target],
  )
}

/** Deletes the record of the effect, as if the process had ended after the target's commit and before it stored this record. */
async function forget(gate: string): Promise<void> {
  await world.engineOwner.query('ALTER TABLE runbook.effects DISABLE TRIGGER USER')
  await world.engineOwner.query('DELETE FROM runbook.effects WHERE gate = $1', [gate])
  await world.engineOwner.query('ALTER TABLE runbook.effects ENABLE TRIGGER USER')
}

const passTime = (gate: string) =>
  world.engineOwner.query(
    `UPDATE runbook.permits SET issued_at = issued_at - interval '11 minutes', renewed_at = renewed_at - interval '11 minutes'
     WHERE gate = $1`,
    [gate],
  )

const refusesLogin = async (): Promise<never> => {
  throw new RunbookError('RUNBOOK_CONFIG', 'connection db: PostgreSQL refuses the login')
}
const locked: Partial<Targets> = { postgres: refusesLogin, bullmq: refusesLogin }

describe('when an earlier attempt applied the change and crashed before the engine recorded it', () => {
  test('a refused login is a retryable error; later the ledger shows the result', async () => {
    const request = await situation('rotated')
    await executeEffect(request, depsFor(world, postgresTarget(world.write), takePermit))
    await forget(request.gate)

    await expect(executeEffect(request, depsFor(world, locked, takePermit))).rejects.toMatchObject({
      code: 'RUNBOOK_UNREACHABLE',
      message: expect.stringContaining('refuses the login; an earlier attempt may have applied it'),
    })
    expect(await executeEffect(request, depsFor(world, postgresTarget(world.write), takePermit))).toMatchObject({
      effect: { result: 'applied' },
    })
    expect((await readRun(world, 'rotated'))?.changes).toBe(1)
  })

  test('a missing right on the ledger is a retryable error', async () => {
    const request = await situation('revoked')
    const deps = depsFor(world, postgresTarget(world.write), takePermit)
    await executeEffect(request, deps)
    await forget(request.gate)
    await world.owner.query('ALTER SCHEMA runbook_ledger RENAME TO hidden_ledger')
    try {
      await expect(executeEffect(request, deps)).rejects.toThrow('an earlier attempt may have applied it')
    } finally {
      await world.owner.query('ALTER SCHEMA hidden_ledger RENAME TO runbook_ledger')
    }
    expect(await executeEffect(request, deps)).toMatchObject({ effect: { result: 'applied' } })
  })

  test('the effect is unknown when the ledger cannot be read for ten minutes', async () => {
    const request = await situation('given-up')
    await storePermit({ gate: request.gate, target: 'given-up' })
    await passTime(request.gate)
    expect(await executeEffect(request, depsFor(world, locked, takePermit))).toMatchObject({
      effect: {
        result: 'unknown',
        detail: expect.stringContaining('cannot be read: connection db: PostgreSQL refuses'),
      },
    })
  })

  test('a refused login to Redis is a retryable error', async () => {
    const request = requestFor(await openTestGate(world), 'bullmq.resume', { connection: 'queue' }, '-')
    await storePermit({ gate: request.gate, target: '-' })
    await expect(executeEffect(request, depsFor(world, locked, takePermit))).rejects.toThrow('trying again')
  })
})

test('an action that was never tried is refused, also when the action before it had the permit', async () => {
  const first = await situation('second-action')
  await executeEffect(first, depsFor(world, postgresTarget(world.write), takePermit))
  const second = { ...first, action: { ...first.action, id: '1-sql.update' } }
  expect(await executeEffect(second, depsFor(world, locked, takePermit))).toMatchObject({
    effect: { action: '1-sql.update', result: 'refused' },
  })
})

test('a worker that was suspended between its permit and the start of a command starts nothing', async () => {
  const request = requestFor(await openTestGate(world), 'process.run', { connection: 'ctl', command: 'restart' }, '-')
  const now = vi.spyOn(Date, 'now')
  const suspended: TakePermit = async (wanted) => {
    const answer = await takePermit(wanted)
    now.mockReturnValue(Date.now() + 6_000)
    return answer
  }
  // These targets have no connection, so the call would throw if it were not refused before it opens one.
  const answer = await executeEffect(request, depsFor(world, {}, suspended)).finally(() => now.mockRestore())
  expect(answer).toMatchObject({
    effect: { result: 'refused', detail: expect.stringContaining('nothing was started') },
  })
})

test.each(['target', 'none'] as const)(
  'an attempt that gets its permit after another one was refused applies nothing (ledger: %s)',
  async (ledger) => {
    const request = await situation(`late-${ledger}`)
    const late: TakePermit = async (wanted) => {
      const refused = await executeEffect(request, depsFor(world, locked, takePermit))
      expect(refused).toMatchObject({ effect: { result: 'refused' } })
      return takePermit(wanted)
    }
    expect(await executeEffect(request, depsFor(world, postgresTarget(world.write, ledger), late))).toMatchObject({
      effect: { result: 'refused', detail: 'connection db: PostgreSQL refuses the login' },
    })
    expect(await readRun(world, `late-${ledger}`)).toMatchObject({ status: 'RUNNING', changes: 0 })
  },
)

describe('when the end of a repeatable command was not seen', () => {
  const scale = { connection: 'ctl', replicas: 5, max: 9 }
  async function started(): Promise<EffectRequest> {
    const request = requestFor(await openTestGate(world), 'workers.scale', scale, '-')
    await world.engine.query('INSERT INTO runbook.intents (gate, action, target) VALUES ($1, $2, $3)', [
      request.gate,
      request.action.id,
      '-',
    ])
    return request
  }

  test.each(['stale', 'cancelled', 'withdrawn', 'lapsed', 'breaker'] as const)(
    'it is unknown when the permit is refused as %s',
    async (reason) => {
      expect(await executeEffect(await started(), depsFor(world, {}, denying(reason)))).toMatchObject({
        effect: { result: 'unknown', detail: expect.stringContaining('an attempt started') },
      })
    },
  )

  test('it is unknown when the configuration no longer allows it', async () => {
    const request = await started()
    const without = { ...depsFor(world, {}, takePermit), implementations: {} }
    expect(await executeEffect(request, without)).toMatchObject({ effect: { result: 'unknown' } })
  })

  test.each([
    ['another remedy has the lease', 'busy'],
    ['the engine is frozen', 'frozen'],
  ] as const)('a permit is requested again while %s', async (_, reason) => {
    await expect(executeEffect(await started(), depsFor(world, {}, denying(reason)))).rejects.toMatchObject({
      code: 'RUNBOOK_CONFLICT',
    })
  })
})
