import { readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { isRunbookError, RunbookError } from '../core/errors.ts'
import { decodeTextFile } from '../core/text-file.ts'
import { editYaml, type YamlEdit } from './edit-yaml.ts'
import { loadConfig } from './load-config.ts'

/**
 * Changes values in `runbook.config.yaml`. The changed text is read as a configuration first: if it has a problem, the file is not changed.
 * The file is replaced in one step. Throws `RUNBOOK_CONFIG`, and `RUNBOOK_CONFLICT` if somebody changed the file in the meantime.
 */
export function editConfig(file: string, edits: YamlEdit[], env: Record<string, string | undefined>): void {
  // If the path is a link to the file, the link is kept.
  const path = realpathSync(file)
  const before = readFileSync(path)
  const draft = `${path}.new`
  try {
    const mode = statSync(path).mode & 0o777
    writeFileSync(draft, editYaml(decodeTextFile(before), edits), { mode })
    checkDraft(draft, file, env)
    if (!readFileSync(path).equals(before))
      throw new RunbookError(
        'RUNBOOK_CONFLICT',
        `${file} was changed at the same time: nothing was written. Try again.`,
      )
    renameSync(draft, path)
  } finally {
    rmSync(draft, { force: true })
  }
}

function checkDraft(draft: string, file: string, env: Record<string, string | undefined>): void {
  try {
    loadConfig({ file: draft, env })
  } catch (error) {
    if (!isRunbookError(error)) throw error
    const problems = error.message
      .split('\n')
      .map((line) => line.replace(/^.*?\.new:\d+:\d+: /, ''))
      .join('\n')
    throw new RunbookError('RUNBOOK_CONFIG', `${file} was not changed, because it would be wrong:\n${problems}`)
  }
}
