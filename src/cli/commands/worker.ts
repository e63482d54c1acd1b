import { Command, Option } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import { RunbookError } from '../../core/errors.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook worker`: runs incidents until it is stopped. */
export function command(terminal: Terminal): Command {
  return new Command('worker')
    .description('Runs incidents until it is stopped: workflows, checks and effects, the starter and the reconciler.')
    .addOption(new Option('--only <role>', 'run this part only').choices(['diagnose', 'remediate']))
    .addOption(
      new Option('--log-level <level>', "of Temporal's own lines")
        .choices(['error', 'warn', 'info', 'debug'])
        .default('error'),
    )
    .action(async (options: { only?: 'diagnose' | 'remediate'; logLevel: string }) => {
      const [{ openEngine }, { runWorker }, { installRuntime }, { untilEnded }] = await Promise.all([
        import('../../engine/engine.ts'),
        import('../../engine/run-worker.ts'),
        import('../../temporal/worker.ts'),
        import('../installation/serve-until-ended.ts'),
      ])
      installRuntime(options.logLevel.toUpperCase() as 'ERROR')
      const engine = await openEngine(loadConfig({ env: terminal.env, cwd: terminal.cwd }), {
        name: 'runbook worker',
        connections: 20,
      })
      const worker = await runWorker(engine, options.only ? [options.only] : ['diagnose', 'remediate'], terminal.say)
      terminal.say(`worker: runs on ${engine.temporal.address}, namespace ${engine.temporal.namespace}`)
      try {
        await untilEnded({}, worker.finished)
        terminal.say('worker: ending')
      } catch (error) {
        throw new RunbookError(
          'RUNBOOK_UNREACHABLE',
          `the worker could not go on: ${(error as Error).message}`,
          {},
          error,
        )
      } finally {
        await worker.stop()
        await engine.close()
      }
    })
}
