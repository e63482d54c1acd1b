import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

const SUFFIX = '.work-'

/**
 * Calls `work` with an empty folder beside `target`, and removes the folder afterwards. A finished file in the folder can be renamed to
 * `target` in one step, because both are on the same file system. /tmp is often too small for a Go build.
 */
export async function inWorkDir<T>(target: string, work: (dir: string) => Promise<T>): Promise<T> {
  await mkdir(dirname(target), { recursive: true })
  const dir = await mkdtemp(`${target}${SUFFIX}`)
  try {
    return await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/**
 * Removes the work folders of every target whose name begins with `prefix`: a process that was killed leaves up to some gigabytes.
 * The caller holds the lock under which these folders are made.
 */
export async function removeWorkDirs(prefix: string): Promise<void> {
  const parent = dirname(prefix)
  for (const name of await readdir(parent)) {
    if (name.startsWith(basename(prefix)) && name.includes(SUFFIX))
      await rm(join(parent, name), { recursive: true, force: true })
  }
}
