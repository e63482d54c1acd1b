import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import type { Config } from '../../config/config.ts'
import { loadConfig } from '../../config/load-config.ts'
import { RunbookError } from '../../core/errors.ts'
import { loadRunbooks, type LoadOptions } from '../../language/load.ts'
import { renderGithub, renderJson, renderText, type Problem } from '../../language/problems.ts'
import { CONFIG_FILE } from '../address.ts'
import { Exit } from '../command.ts'
import { wantsJson } from '../output.ts'
import { plural } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

type Format = 'text' | 'json' | 'github'

export function command(terminal: Terminal): Command {
  return new Command('lint')
    .description(
      `Checks runbooks: fields, names, types, connections, writes in diagnose. Needs no server; connections are those of ${CONFIG_FILE}, where it is.`,
    )
    .argument('[paths...]', 'files or folders; default: the runbooks of the configuration, else runbooks/')
    .addOption(new Option('-f, --format <format>', 'of the findings').choices(['text', 'json', 'github']))
    .addHelpText(
      'after',
      '\nExits with 1 when there are findings.\n\nExamples:\n  runbook lint\n  runbook lint runbooks/stuck-runs.yaml\n  runbook lint --format github',
    )
    .action((paths: string[], { format }: { format?: Format }, self: Command) => {
      const config = existsSync(join(terminal.cwd, CONFIG_FILE))
        ? loadConfig({ env: terminal.env, cwd: terminal.cwd })
        : undefined
      const { problems, files } = lint(paths.length > 0 ? paths : (config?.runbooks ?? ['runbooks']), known(config))
      printFindings(terminal, problems, format ?? (wantsJson(self) ? 'json' : 'text'))
      terminal.say(
        `${plural(files, 'runbook')}, ${problems.length === 0 ? 'no findings' : plural(problems.length, 'finding')}`,
      )
      if (problems.length > 0) throw new Exit(1)
    })
}

function lint(paths: string[], options: LoadOptions): { problems: Problem[]; files: number } {
  const missing = paths.filter((path) => !existsSync(path))
  if (missing.length > 0) throw new RunbookError('RUNBOOK_BAD_INPUT', `there is no ${missing.join(', ')}`)
  const found = loadRunbooks(paths, options)
  if (found.files === 0) throw new RunbookError('RUNBOOK_BAD_INPUT', `no runbooks (*.yaml) in ${paths.join(', ')}`)
  return found
}

/** Without a configuration nothing is known of connections, and their names are taken as they are. */
function known(config: Config | undefined): LoadOptions {
  if (!config) return {}
  const connections = Object.entries(config.connections).map(([name, { kind }]) => [name, kind] as const)
  return { connections: Object.fromEntries(connections), channels: Object.keys(config.channels) }
}

function printFindings(terminal: Terminal, problems: Problem[], format: Format): void {
  if (format === 'json') terminal.print(renderJson(problems))
  else if (problems.length > 0)
    terminal.print((format === 'github' ? renderGithub(problems) : renderText(problems, terminal.colours)).trimEnd())
}
