import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { ensureBuilt } from './build.js'
import { root } from './run.js'

/**
 * Replays the history of one incident's workflow against today's code, such as one saved by
 * `temporal workflow show --workflow-id INC-142 --output json`. Exit code 0: the code takes the same steps; 1: it does not.
 */
const [file] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: npm run replay -- <history.json>')
  process.exit(2)
}
await ensureBuilt()
const { DefaultLogger, Runtime, Worker } = await import('@temporalio/worker')
Runtime.install({ logger: new DefaultLogger('ERROR') })
try {
  const history = JSON.parse(readFileSync(resolve(process.env.INIT_CWD ?? '.', file), 'utf8'))
  await Worker.runReplayHistory({ workflowBundle: { codePath: join(root, 'dist/workflow-bundle.js') } }, history)
  console.log(`${file}: replayed, ${history.events.length} events`)
} catch (error) {
  console.error(`${file}: ${error.message}`)
  process.exitCode = 1
}
