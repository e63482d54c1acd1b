import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { Command, Option } from 'commander'
import { loadConfig } from '../../config/load-config.ts'
import { RunbookError } from '../../core/errors.ts'
import { lintRunbooks } from '../../language/lint.ts'
import { runbookOf } from '../../language/load.ts'
import { renderGithub, renderJson, renderText, type Problem } from '../../language/problems.ts'
import { CONFIG_FILE } from '../address.ts'
import { Exit } from '../command.ts'
import { wantsJson } from '../output.ts'
import { projectOf, type Project } from '../project.ts'
import { plural } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

type Format = 'text' | 'json' | 'github'

export function command(terminal: Terminal): Command {
  return new Command('lint')
    .description(
      `Checks runbooks and their scenarios: fields, names, types, connections, writes in diagnose. Needs no server; connections, groups and channels are those of the nearest ${CONFIG_FILE}.`,
    )
    .argument('[paths...]', 'files or folders; default: the runbooks of the configuration, else runbooks/')
    .addOption(new Option('-f, --format <format>', 'of the findings').choices(['text', 'json', 'github']))
    .addHelpText(
      'after',
      '\nExits with 1 when there are findings.\n\nExamples:\n  runbook lint\n  runbook lint runbooks/stuck-runs.yaml\n  runbook lint --format github',
    )
    .action((paths: string[], { format }: { format?: Format }, self: Command) => {
      const project = projectOf(terminal, paths)
      const configs = paths.filter((path) => basename(path) === CONFIG_FILE)
      for (const file of configs) loadConfig({ file, env: terminal.env, cwd: terminal.cwd })
      if (configs.length > 0) terminal.say(`${configs.join(', ')}: no findings`)
      project.paths = project.paths.filter((path) => !configs.includes(path))
      if (project.paths.length === 0) return
      const { problems, files } = lint(project)
      printFindings(terminal, problems, format ?? (wantsJson(self) ? 'json' : 'text'))
      if (!project.config) terminal.say(`connections, groups and channels were not checked: no ${CONFIG_FILE}`)
      terminal.say(
        `${plural(files, 'runbook')}, ${problems.length === 0 ? 'no findings' : plural(problems.length, 'finding')}`,
      )
      if (problems.length > 0) throw new Exit(1)
    })
}

function lint({ paths, options }: Project): { problems: Problem[]; files: number } {
  const missing = paths.filter((path) => !existsSync(runbookOf(path)))
  if (missing.length > 0)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `there is no runbook beside ${missing.join(', ')}`)
  const found = lintRunbooks(paths, options)
  if (found.files === 0) throw new RunbookError('RUNBOOK_BAD_INPUT', `no runbooks (*.yaml) in ${paths.join(', ')}`)
  return found
}

function printFindings(terminal: Terminal, problems: Problem[], format: Format): void {
  if (format === 'json') terminal.print(renderJson(problems))
  else if (problems.length > 0)
    terminal.print((format === 'github' ? renderGithub(problems) : renderText(problems, terminal.colours)).trimEnd())
}
