import { join } from 'node:path'
import { ensureBuilt } from './build.js'
import { root } from './run.js'

/**
 * Replays the workflows of incidents against today's code: fetches each history from Temporal and changes nothing there. The address
 * comes from the environment, from .runbook/env or from a profile of Temporal. Exit code 0: the code takes the same steps in
 * all of them; 1: it does not, or a history cannot be fetched.
 */
const ids = process.argv.slice(2)
if (ids.length === 0) {
  console.error('usage: npm run replay -- INC-142 …')
  process.exit(2)
}
await ensureBuilt()
const { DefaultLogger, Runtime, Worker } = await import('@temporalio/worker')
Runtime.install({ logger: new DefaultLogger('ERROR') })
const { readEnvironment } = await import('../dist/src/config/environment.js')
const { connectTemporal } = await import('../dist/src/temporal/connect.js')
const temporal = await connectTemporal(readEnvironment(process.cwd(), process.env))
for (const id of ids) {
  try {
    const history = await temporal.client.workflow.getHandle(id).fetchHistory()
    await Worker.runReplayHistory({ workflowBundle: { codePath: join(root, 'dist/workflow-bundle.js') } }, history, id)
    console.log(`${id}: same steps, ${history.events.length} events`)
  } catch (error) {
    console.error(`${id}: ${error.message}`)
    process.exitCode = 1
  }
}
await temporal.close()
