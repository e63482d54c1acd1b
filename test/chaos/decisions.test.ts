import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eraseStack } from '../../src/stack/erase-stack.ts'
import { startStack, type Stack } from '../../src/stack/stack.ts'
import { openEngineWorld, type EngineWorld } from '../support/engine-world.ts'
import { openActualGate } from './gate-actual.ts'
import { openGateModel } from './gate-model.ts'
import { sequence, setting } from './gate-operations.ts'
import { GateWitness } from './gate-witness.ts'
import { choosePorts } from './ports.ts'
import { seedOf, times } from './profile.ts'

const dir = mkdtempSync(join(tmpdir(), 'runbook-decisions-'))
let stack: Stack
let world: EngineWorld

beforeAll(async () => {
  choosePorts(dir)
  stack = await startStack({ dir, temporal: 'memory', services: ['postgres'], log: () => {} })
  world = await openEngineWorld(stack.postgres.url)
  // What is tested here is what is decided, not what a power cut leaves of it.
  await world.superuser.query('ALTER SYSTEM SET synchronous_commit = off')
  await world.superuser.query('SELECT pg_reload_conf()')
})
afterAll(async () => {
  await world?.close()
  await stack?.stop()
  await eraseStack(dir)
  rmSync(dir, { recursive: true, force: true })
})

test('50 decisions and accidents in any order: the gate does what the model does, and no effect is without its quorum', async () => {
  const counts = { sequences: 0, operations: 0, approved: 0, granted: 0 }
  const property = fc.asyncProperty(setting, sequence(50), async (set, operations) => {
    const [model, witness, actual] = [openGateModel(set), new GateWitness(set), await openActualGate(world, set)]
    const seen = new Set<string>()
    for (const [number, operation] of operations.entries()) {
      const did = await actual.perform(operation, number)
      expect(did, `operation ${number}: ${JSON.stringify(operation)}`).toEqual(model.perform(operation, number))
      expect(witness.watch(operation, number, did)).toBeUndefined()
      if (did.granted) seen.add('granted')
      seen.add(did.state)
    }
    counts.sequences += 1
    counts.operations += operations.length
    if (seen.has('approved')) counts.approved += 1
    if (seen.has('granted')) counts.granted += 1
  })
  await fc.assert(property, { numRuns: times(200, 5_000), seed: seedOf('decisions') })
  console.log(`  ${JSON.stringify(counts)}`)
  // Sequences in which nothing is ever applied prove nothing.
  expect(counts.granted / counts.sequences).toBeGreaterThan(0.3)
})
