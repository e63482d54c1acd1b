import { randomBytes } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { NativeConnection, Worker } from '@temporalio/worker'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { connectTemporal, type Temporal } from '../../src/temporal/connect.ts'
import { diagnoseQueue, remediateQueue } from '../../src/temporal/names.ts'
import { startIncident } from '../../src/temporal/start-incident.ts'
import { BUILT_BUNDLE } from '../support/built-bundle.ts'
import { eventually } from '../support/effects-world.ts'
import { historyText } from '../support/history-file.ts'
import { activitiesOf, HISTORY_CASES, type HistoryCase } from '../support/history-cases.ts'
import { registerNamespace } from '../support/namespace.ts'
import { quietTemporal } from '../support/quiet-temporal.ts'

/**
 * Runs each case on a real Temporal server. `npm run histories` stores the missing histories in test/fixtures/histories, where
 * test/unit/workflows/replay.test.ts replays them; `npm run histories -- <name>` records one history again.
 */
const fixture = (name: string) => new URL(`../fixtures/histories/${name}.json`, import.meta.url)
const write = process.env['RUNBOOK_WRITE']
const namespace = `histories-${randomBytes(4).toString('hex')}`
let temporal: Temporal

beforeAll(async () => {
  quietTemporal()
  const { temporalAddress: address } = inject('stack')
  await registerNamespace(address, namespace)
  temporal = await connectTemporal({ address, namespace })
})

afterAll(() => temporal?.close())

async function startWorkers(queue: string, one: HistoryCase): Promise<() => Promise<void>> {
  const connection = await NativeConnection.connect(temporal.options)
  const common = { connection, namespace, activities: activitiesOf(one), shutdownForceTime: '1s' } as const
  const workers = [
    await Worker.create({ ...common, taskQueue: diagnoseQueue(queue), workflowBundle: BUILT_BUNDLE }),
    await Worker.create({ ...common, taskQueue: remediateQueue(queue) }),
  ]
  const running = Promise.all(workers.map((worker) => worker.run().catch(() => {})))
  return async () => {
    for (const worker of workers) worker.shutdown()
    await running
    await connection.close()
  }
}

test.each(HISTORY_CASES.map((one, i) => [one.name, one, i + 1] as const))('%s', async (name, one, number) => {
  const id = `INC-${number}`
  const stop = await startWorkers(name, one)
  try {
    await startIncident(temporal, {
      workflowId: id,
      taskQueue: name,
      plan: one.plan,
      start: { incident: id, planDigest: '0'.repeat(64), inputs: {} },
    })
    const handle = temporal.client.workflow.getHandle(id)
    const events = async () => (await handle.fetchHistory()).events ?? []
    for (let signal = 1; signal <= (one.signals ?? 0); signal++) {
      await eventually('it waits', async () => {
        return (await events()).filter((event) => event.timerStartedEventAttributes).length >= signal
      })
      await handle.signal('wake')
    }
    if (one.waits) {
      const { waits } = one
      await eventually(`it ${name}`, async () =>
        (await events()).some((event) =>
          waits.event === 'timer'
            ? event.timerStartedEventAttributes
            : event.activityTaskScheduledEventAttributes?.activityType?.name === waits.type,
        ),
      )
    } else expect(await handle.result()).toMatchObject({ outcome: one.outcome })
    const history = await handle.fetchHistory()
    await Worker.runReplayHistory({ workflowBundle: BUILT_BUNDLE }, history, id)
    if (write === 'replace' || (write === 'new' && !existsSync(fixture(name))))
      writeFileSync(fixture(name), historyText(history))
    if (one.waits) await handle.terminate('recorded')
  } finally {
    await stop()
  }
})
