import { Command, Option } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import { Exit } from '../command.ts'
import { collectInput } from '../inputs.ts'
import { pageOf, printJson, printLines } from '../output.ts'
import { previewLines } from '../render/preview.ts'
import type { Terminal } from '../terminal.ts'

interface Options {
  input?: Record<string, string>
  output?: 'table' | 'json' | 'mermaid'
}

export function command(terminal: Terminal): Command {
  return new Command('preview')
    .description(
      'Show what a runbook would do now: the results of its checks, which causes hold and why, and what it would propose. Reads the diagnosed systems, changes nothing, and needs no running engine.',
    )
    .argument('<incident-type>', 'type of the incident, such as stuck-run')
    .option('-i, --input <name=value>', 'an input of the runbook; may be repeated', collectInput)
    .addOption(
      new Option('-o, --output <format>', 'format of the data on stdout').choices(['table', 'json', 'mermaid']),
    )
    .addHelpText(
      'after',
      '\nExit code 1 if a declared column does not match the one in the database.\n\nExamples:\n  runbook preview stuck-run --input threshold=5s\n  runbook preview task-failure -o mermaid > task-failure.mmd',
    )
    .action(async (type: string, { input, output }: Options, self: Command) => {
      const config = loadConfig({ env: terminal.env, cwd: terminal.cwd })
      const [{ loadCatalogue, runbookFor }, { readInputs }, { openTargets }, { previewRunbook }] = await Promise.all([
        import('../../engine/catalogue.ts'),
        import('../../engine/read-inputs.ts'),
        import('../../targets/open-targets.ts'),
        import('../../engine/preview.ts'),
      ])
      const { plan, names } = runbookFor(await loadCatalogue(config), type)
      const inputs = readInputs(plan.name, plan.inputs, input ?? {})
      const targets = openTargets(config)
      try {
        const preview = await previewRunbook(plan, inputs, targets, config, names)
        const format = output ?? self.optsWithGlobals<Options>().output
        if (format === 'json') printJson(terminal, preview)
        else if (format === 'mermaid') terminal.print((await import('../render/mermaid.ts')).mermaid(plan, preview))
        else printLines(terminal, previewLines(preview, pageOf(terminal)))
        if (preview.columns.length > 0) throw new Exit(1)
      } finally {
        await targets.close()
      }
    })
}
