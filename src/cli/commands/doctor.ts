import { join } from 'node:path'
import { Command, Option } from 'commander'
import { Exit } from '../command.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook doctor`: what is there, what is missing, and what to do about it. */
export function command(terminal: Terminal): Command {
  return new Command('doctor')
    .description('look at this machine, the configuration and every connection, and say what to do')
    .addOption(new Option('-o, --output <form>', 'table or json').choices(['table', 'json']).default('table'))
    .action(async (options: { output: 'table' | 'json' }) => {
      const [{ doctorStack }, { doctorConfig }] = await Promise.all([
        import('../../stack/doctor-stack.ts'),
        import('../../engine/doctor-config.ts'),
      ])
      const findings = [
        ...(await doctorStack(join(terminal.cwd, '.runbook'))),
        ...(await doctorConfig(terminal.cwd, terminal.env)),
      ]
      if (options.output === 'json') terminal.print(JSON.stringify(findings, null, 2))
      else
        for (const { name, ok, detail, fix } of findings) {
          const { green, red, dim } = terminal.colours
          terminal.print(`${ok ? green('✓') : red('✗')} ${name.padEnd(28)} ${detail}${fix ? dim(`\n  ${fix}`) : ''}`)
        }
      if (findings.some((finding) => !finding.ok)) throw new Exit(1)
    })
}
