import { Command, Option } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook worker`: runs incidents until it is stopped. */
export function command(terminal: Terminal): Command {
  return new Command('worker')
    .description(
      'Run the worker until it is stopped (Ctrl-C or SIGTERM). It runs the workflows of incidents, their checks and remedies, and recovers incidents that a crash interrupted.',
    )
    .addOption(
      new Option(
        '--only <role>',
        'run only diagnose (workflows and checks) or only remediate (remedies; needs the write credentials); default: both',
      ).choices(['diagnose', 'remediate']),
    )
    .addOption(
      new Option('--log-level <level>', "level of Temporal's own log messages")
        .choices(['error', 'warn', 'info', 'debug'])
        .default('error'),
    )
    .addHelpText('after', '\nExamples:\n  runbook worker\n  runbook worker --only diagnose')
    .action(async (options: { only?: 'diagnose' | 'remediate'; logLevel: string }) => {
      const [
        { openEngine, ENGINE_POOL },
        { currentEngine, keepReloading },
        { runWorker },
        { installRuntime },
        { untilEnded },
      ] = await Promise.all([
        import('../../engine/engine.ts'),
        import('../../engine/reload.ts'),
        import('../../engine/run-worker.ts'),
        import('../../temporal/worker.ts'),
        import('../installation/serve-until-ended.ts'),
      ])
      installRuntime(options.logLevel.toUpperCase() as 'ERROR')
      const load = () => loadConfig({ env: terminal.env, cwd: terminal.cwd })
      const opened = await openEngine(load(), { name: 'runbook worker', connections: ENGINE_POOL.worker })
      const engine = currentEngine(opened)
      const worker = await runWorker(engine, options.only ? [options.only] : ['diagnose', 'remediate'], terminal.log)
      terminal.log(
        `worker: connected to Temporal at ${opened.temporal.address}, namespace ${opened.temporal.namespace}`,
      )
      const reloading = keepReloading(engine, { load, log: (line) => terminal.log(`worker: ${line}`) })
      try {
        await untilEnded({}, worker.finished)
        terminal.log('worker: stopping')
      } catch (error) {
        throw new RunbookError(
          'RUNBOOK_UNREACHABLE',
          `the worker stopped: ${messageOf(error)}. Check it with "runbook doctor", then start the worker again.`,
          {},
          error,
        )
      } finally {
        await reloading.stop()
        await worker.stop()
        await engine.value.targets.close()
        await opened.close()
      }
    })
}
