import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { startStack, type Stack } from '../../src/stack/stack.ts'
import { openEngineWorld, type EngineWorld } from '../support/engine-world.ts'
import { openRealGate } from './real-gate.ts'
import { openGateModel } from './gate-model.ts'
import { sequence, settings } from './gate-operations.ts'
import { GateInvariants } from './gate-invariants.ts'
import { choosePorts } from './ports.ts'
import { seedOf, byProfile } from './profile.ts'

const dir = mkdtempSync(join(tmpdir(), 'runbook-decisions-'))
let stack: Stack
let world: EngineWorld

beforeAll(async () => {
  choosePorts(dir)
  stack = await startStack({ dir, temporal: 'memory', services: ['postgres'], log: () => {} })
  world = await openEngineWorld(stack.postgres.url)
  // Commits that do not wait for the disk make the test faster. The test does not cover durability after a power failure.
  await world.superuser.query('ALTER SYSTEM SET synchronous_commit = off')
  await world.superuser.query('SELECT pg_reload_conf()')
})
afterAll(async () => {
  await world?.close()
  await stack?.stop()
  await eraseStack(dir)
  rmSync(dir, { recursive: true, force: true })
})

test('in random sequences of 50 operations the gate behaves like its model and allows no effect without a quorum', async () => {
  const counts = { sequences: 0, operations: 0, approved: 0, granted: 0 }
  const property = fc.asyncProperty(settings, sequence(50), async (gateSettings, operations) => {
    const [model, invariants, real] = [
      openGateModel(gateSettings),
      new GateInvariants(gateSettings),
      await openRealGate(world, gateSettings),
    ]
    const seen = new Set<string>()
    for (const [number, operation] of operations.entries()) {
      const observed = await real.perform(operation, number)
      expect(observed, `operation ${number}: ${JSON.stringify(operation)}`).toEqual(model.perform(operation, number))
      expect(invariants.check(operation, number, observed)).toBeUndefined()
      if (observed.granted) seen.add('granted')
      seen.add(observed.state)
    }
    counts.sequences += 1
    counts.operations += operations.length
    if (seen.has('approved')) counts.approved += 1
    if (seen.has('granted')) counts.granted += 1
  })
  await fc.assert(property, { numRuns: byProfile(200, 5_000), seed: seedOf('decisions') })
  console.log(`  ${JSON.stringify(counts)}`)
  // A sequence without a granted permit proves nothing.
  expect(counts.granted / counts.sequences).toBeGreaterThan(0.3)
})
