import { existsSync, readdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root, run } from './run.js'

const NOT_OURS = new Set(['.git', '.runbook', 'coverage', 'dist', 'node_modules'])

/**
 * The files of the project: tracked by git, or new and not ignored. Without git (an unpacked archive): everything but what is
 * installed, built or written by a run.
 *
 * @returns {Promise<string[]>} relative to the root
 */
export async function projectFiles() {
  const { code, output } = await run('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'])
  if (code !== 0) return filesBelow(root)
  // git still lists a file that was deleted if the deletion is not committed yet.
  return output.split('\0').filter((file) => file !== '' && existsSync(join(root, file)))
}

function filesBelow(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? filesBelow(path) : [relative(root, path)]
    })
}
