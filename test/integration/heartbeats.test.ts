import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { PlanAction } from '../../src/core/plan.ts'
import { installRuntime } from '../../src/temporal/worker.ts'
import { openBlockableProxy, type BlockableProxy } from '../support/blockable-proxy.ts'
import { eventually } from '../support/effects-world.ts'
import { mending, openWorkflowWorld, thingsPlan, type WorkflowWorld } from '../support/workflow-world.ts'

/** How long the command runs: longer than the heartbeat timeout of 30 s. */
const COMMAND_MS = 36_000
/**
 * With the SDK's default, the second heartbeat of a command is sent after 24 s and the command counts as lost after 30 s. This cut is
 * around that time.
 */
const CUT = { from: 22_500, to: 31_000 }

const dir = mkdtempSync(join(tmpdir(), 'heartbeats-'))
const script = `const { appendFileSync } = require('node:fs')
appendFileSync('ran', 'begun\\n')
setTimeout(() => { appendFileSync('ran', 'ended\\n'); process.exit(0) }, ${COMMAND_MS})`
const command: PlanAction = {
  ...{ id: '0-process.run', kind: 'process.run', access: 'write', once: true, timeoutMs: 60_000 },
  with: { connection: { lit: 'ctl' }, command: { lit: 'slow' } },
}
const [update] = mending().actions

let world: WorkflowWorld
let proxy: BlockableProxy

beforeAll(async () => {
  installRuntime('ERROR')
  const stack = inject('stack')
  proxy = await openBlockableProxy(Number(stack.temporalAddress.split(':')[1]))
  const remedies = { mend: mending({ actions: [command, { ...update!, id: '1-sql.update' }] }) }
  world = await openWorkflowWorld(
    { ...stack, temporalAddress: `127.0.0.1:${proxy.port}` },
    [thingsPlan('slow', { remedies })],
    {
      connections: {
        ctl: {
          kind: 'process',
          cwd: dir,
          commands: { slow: [process.execPath, '-e', script] },
          env: [],
          environment: {},
        },
      },
    },
  )
})
afterAll(async () => {
  await world?.close()
  await proxy?.close()
  rmSync(dir, { recursive: true })
})

test(
  'a running command survives a connection to Temporal that breaks for some seconds',
  { timeout: 120_000 },
  async () => {
    const worker = await world.startWorker()
    await world.addThings('slow', 's1')
    const id = await world.open('slow', 'slow')
    await world.decide(await world.atGate(id))
    const ran = () => readFileSync(join(dir, 'ran'), { encoding: 'utf8', flag: 'a+' }).split('\n').slice(0, -1)
    await eventually('the command runs', async () => ran().length > 0)
    await sleep(CUT.from)
    proxy.block()
    await sleep(CUT.to - CUT.from)
    proxy.unblock()
    await world.until(id, 'has the effect of the command', (view) => view.rounds[0]!.effects.length > 0)
    const closed = await world.closed(id)
    expect(closed.rounds[0]!.effects[0]).toMatchObject({ action: '0-process.run', result: 'applied' })
    expect(closed).toMatchObject({ outcome: 'resolved' })
    expect(ran()).toEqual(['begun', 'ended'])
    await worker.stop()
  },
)
