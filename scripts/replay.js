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
    await replayIncident(id)
  } catch (error) {
    console.error(`${id}: ${error.message}`)
    process.exitCode = 1
  }
}
await temporal.close()

/** @param {string} id of an incident; the id of its workflow begins with it, and older versions used it alone */
async function replayIncident(id) {
  if (!/^INC-\d+$/.test(id)) throw new Error('not the id of an incident, such as INC-142')
  let found = 0
  const workflows = temporal.client.workflow.list({
    query: `WorkflowId = '${id}' OR WorkflowId STARTS_WITH '${id}/'`,
  })
  for await (const { workflowId, runId } of workflows) {
    found += 1
    const history = await temporal.client.workflow.getHandle(workflowId, runId).fetchHistory()
    const workflowBundle = { codePath: join(root, 'dist/workflow-bundle.js') }
    await Worker.runReplayHistory({ workflowBundle }, history, workflowId)
    console.log(`${workflowId}: same steps, ${history.events.length} events`)
  }
  if (found === 0)
    throw new Error(
      `Temporal at ${temporal.address} (namespace ${temporal.namespace}) has no workflow of this incident`,
    )
}
