import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { Command } from 'commander'
import { configurationSchema } from '../../config/reference.ts'
import { messageOf, RunbookError } from '../../core/errors.ts'
import { runbookSchema, scenariosSchema } from '../../language/schema.ts'
import { packageRoot } from '../installation/package-root.ts'
import { printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

/** Path in the new folder → its name in templates/init. Packages cannot contain a file named .gitignore. */
const TEMPLATES: Record<string, string> = {
  'runbook.config.yaml': 'runbook.config.yaml',
  'runbooks/queue-stopped.yaml': 'runbooks/queue-stopped.yaml',
  'runbooks/queue-stopped.test.yaml': 'runbooks/queue-stopped.test.yaml',
  '.env.example': 'env.example',
  '.gitignore': 'gitignore',
  '.vscode/settings.json': 'vscode-settings.json',
  '.github/workflows/runbooks.yaml': 'github-workflow.yaml',
}

const SCHEMAS: Record<string, () => unknown> = {
  'schema/runbook.json': runbookSchema,
  'schema/scenarios.json': scenariosSchema,
  'schema/configuration.json': configurationSchema,
}

export function command(terminal: Terminal): Command {
  return new Command('init')
    .description(
      'Write the files of a new project: a configuration, a first runbook with its scenarios, schemas and settings for editors, and a workflow that checks runbooks in CI. Files that exist are not changed. Needs no server.',
    )
    .argument('[folder]', 'where to write', '.')
    .addHelpText('after', '\nExamples:\n  runbook init\n  runbook init ops/runbooks')
    .action((folder: string, _options: object, self: Command) => {
      const root = resolve(terminal.cwd, folder)
      const written: string[] = []
      const kept: string[] = []
      for (const [path, text] of Object.entries(files())) (writeNew(join(root, path), text) ? written : kept).push(path)
      if (wantsJson(self)) return printJson(terminal, { folder: root, written, kept })
      for (const path of written) terminal.print(`wrote  ${path}`)
      for (const path of kept) terminal.print(`kept   ${path} (it exists already)`)
      if (written.length > 0) terminal.log(nextSteps(relative(terminal.cwd, root)))
    })
}

function files(): Record<string, string> {
  const folder = join(packageRoot(), 'templates', 'init')
  return {
    ...Object.fromEntries(
      Object.entries(TEMPLATES).map(([path, name]) => [path, readFileSync(join(folder, name), 'utf8')]),
    ),
    ...Object.fromEntries(
      Object.entries(SCHEMAS).map(([path, schema]) => [path, `${JSON.stringify(schema(), null, 2)}\n`]),
    ),
  }
}

/** Writes a file. Returns false if the file exists, because it may contain somebody's work. */
function writeNew(path: string, text: string): boolean {
  if (existsSync(path)) return false
  try {
    mkdirSync(dirname(path), { recursive: true })
    // With "wx", a file that was created in the meantime is not overwritten either.
    writeFileSync(path, text, { flag: 'wx' })
  } catch (error) {
    throw new RunbookError('RUNBOOK_BAD_INPUT', `cannot write ${path}: ${messageOf(error)}`)
  }
  return true
}

function nextSteps(folder: string): string {
  const steps = [
    ...(folder === '' ? [] : [`cd ${folder}`]),
    'runbook test                 # plays the scenarios of the first runbook; no server is needed',
    'edit runbook.config.yaml     # name your queue and your database',
    'runbook up                   # starts the engine here, with its own PostgreSQL, Redis and Temporal',
  ]
  return ['', 'Next:', ...steps.map((step) => `  ${step}`)].join('\n')
}
