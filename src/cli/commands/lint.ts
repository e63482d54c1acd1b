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
import { openProject, type Project } from '../project.ts'
import { plural } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

type Format = 'text' | 'json' | 'github'

export function command(terminal: Terminal): Command {
  return new Command('lint')
    .description(
      `Check runbooks and their scenarios: fields, names, types, connections, writes in diagnose. Needs no server. Connections, groups and channels are read from the nearest ${CONFIG_FILE}.`,
    )
    .argument('[paths...]', 'files or folders (default: the runbooks of the configuration, else runbooks/)')
    .addOption(
      new Option('-f, --format <format>', 'format of the findings; github: annotations for GitHub Actions').choices([
        'text',
        'json',
        'github',
      ]),
    )
    .addHelpText(
      'after',
      '\nExit code 1 if there are findings.\n\nExamples:\n  runbook lint\n  runbook lint runbooks/stuck-runs.yaml\n  runbook lint --format github',
    )
    .action((paths: string[], { format }: { format?: Format }, self: Command) => {
      const project = openProject(terminal, paths)
      const configs = paths.filter((path) => basename(path) === CONFIG_FILE)
      for (const file of configs) loadConfig({ file, env: terminal.env, cwd: terminal.cwd })
      if (configs.length > 0) terminal.log(`${configs.join(', ')}: no findings`)
      project.paths = project.paths.filter((path) => !configs.includes(path))
      if (project.paths.length === 0) return
      const { problems, files } = lint(project)
      printFindings(terminal, problems, format ?? (wantsJson(self) ? 'json' : 'text'))
      if (!project.config) terminal.log(`connections, groups and channels were not checked: there is no ${CONFIG_FILE}`)
      terminal.log(
        `${plural(files, 'runbook')}, ${problems.length === 0 ? 'no findings' : plural(problems.length, 'finding')}`,
      )
      if (problems.length > 0) throw new Exit(1)
    })
}

function lint({ paths, options }: Project): { problems: Problem[]; files: number } {
  const missing = paths.filter((path) => !existsSync(runbookOf(path)))
  if (missing.length > 0)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `there is no runbook for ${missing.join(', ')}. Scenarios x.test.yaml belong to the runbook x.yaml in the same folder.`,
    )
  const found = lintRunbooks(paths, options)
  if (found.files === 0)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `there are no runbooks (*.yaml) in ${paths.join(', ')}. Name a file or another folder.`,
    )
  return found
}

function printFindings(terminal: Terminal, problems: Problem[], format: Format): void {
  if (format === 'json') terminal.print(renderJson(problems))
  else if (problems.length > 0)
    terminal.print((format === 'github' ? renderGithub(problems) : renderText(problems, terminal.colours)).trimEnd())
}
