import { execFile } from 'node:child_process'
import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { promisify } from 'node:util'
import type { Config } from '../config/config.ts'
import type { LoadedRunbook } from '../language/load.ts'

const run = promisify(execFile)

const GIT_TIMEOUT_MS = 5_000
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024

/**
 * Who changed each runbook last according to git, by plan digest. It is read only if a rule of the policy excludes authors. A runbook is
 * missing if its author is unknown: there is no git, the clone is shallow, changes are not committed, or no person under `people` has the
 * author's e-mail address.
 */
export async function authorsOf(
  { policy, people }: Pick<Config, 'policy' | 'people'>,
  runbooks: readonly LoadedRunbook[],
): Promise<Map<string, string>> {
  const authors = new Map<string, string>()
  if (!policy.rules.some((rule) => rule.excludeAuthor)) return authors
  await Promise.all(
    runbooks.map(async (runbook) => {
      const email = await lastAuthor(runbook).catch(() => undefined)
      const [name] = Object.entries(people).find(([, { emails }]) => emails.some((one) => isSame(one, email))) ?? []
      if (name !== undefined) authors.set(runbook.planDigest, name)
    }),
  )
  return authors
}

/**
 * The commit that is checked out in the folder of the configuration. Empty if no rule of the policy excludes authors, or if there is no
 * git.
 */
export async function lastCommit({ policy, directory }: Pick<Config, 'policy' | 'directory'>): Promise<string> {
  if (!policy.rules.some((rule) => rule.excludeAuthor)) return ''
  const options = { cwd: directory, timeout: GIT_TIMEOUT_MS }
  return run('git', ['--no-optional-locks', 'rev-parse', 'HEAD'], options).then(
    ({ stdout }) => stdout.trim(),
    () => '',
  )
}

function isSame(one: string, other: string | undefined): boolean {
  return one.toLowerCase() === other?.toLowerCase()
}

/**
 * The e-mail address of the author of the last commit that changed the file; undefined if the loaded text differs from the committed text.
 */
async function lastAuthor({ file, text }: LoadedRunbook): Promise<string | undefined> {
  const path = await realpath(file)
  const git = async (...args: string[]) => {
    const fixed = ['--no-optional-locks', '-c', 'core.fsmonitor=false', '-c', 'log.showSignature=false']
    const { stdout } = await run('git', [...fixed, ...args], {
      cwd: dirname(path),
      timeout: GIT_TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_BYTES,
    })
    return stdout
  }
  // A shallow clone lacks older commits, so git would name the author of the oldest commit that it has.
  if ((await git('rev-parse', '--is-shallow-repository')).trim() !== 'false') return undefined
  const commit = (await git('rev-parse', 'HEAD')).trim()
  if ((await git('show', '--no-textconv', `${commit}:./${basename(path)}`)) !== text) return undefined
  const email = await git('log', '-1', '--format=%ae', commit, '--', basename(path))
  return email.trim() || undefined
}
