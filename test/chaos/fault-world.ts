import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { evaluate, printSummary, violatedPromises, type Restart } from './summary.ts'
import { startTraffic, type Traffic } from './traffic.ts'
import { openChaosWorld, type ChaosWorld } from './world.ts'
import type { WorkerOptions, WorkerProcess } from './worker-process.ts'

/** How many incidents are open at the same time. */
export const IN_FLIGHT = 20

/** A world for one file that injects faults, and traffic for each of its tests. A test takes both from the result when it begins. */
export function faultWorld() {
  let world: ChaosWorld
  let traffic: Traffic
  let worker: WorkerProcess | undefined

  beforeAll(async () => {
    world = await openChaosWorld()
  })
  afterAll(() => world?.close())
  beforeEach(() => {
    traffic = startTraffic(world)
  })
  afterEach(async () => {
    await traffic.stop()
    await worker?.stop()
  })

  return {
    get world() {
      return world
    },
    /** The traffic of the current test. */
    get traffic() {
      return traffic
    },
    /** Starts a worker and waits until it runs. After the test, the worker that was started last is stopped. */
    async startWorker(options?: WorkerOptions): Promise<WorkerProcess> {
      worker = world.startWorker(options)
      await worker.ready
      return worker
    },
    /** Stops the worker that was started last. */
    stopWorker: async () => worker?.stop(),
    /** Waits until all incidents are closed, prints a summary and returns the violated promises. */
    async violations(description: string, restarts: Restart[] = []): Promise<string[]> {
      await traffic.untilClosed(180_000)
      const summary = await evaluate(world, traffic.opened, restarts)
      printSummary(description, summary)
      return violatedPromises(summary)
    },
  }
}
