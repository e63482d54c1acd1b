import { access, constants, stat } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/** The path of the first of `names` that is on PATH, or null. */
export async function findExecutable(
  names: readonly string[],
  path: string = process.env['PATH'] ?? '',
): Promise<string | null> {
  for (const name of names) {
    for (const dir of path.split(delimiter).filter(Boolean)) {
      if (await isExecutable(join(dir, name))) return join(dir, name)
    }
  }
  return null
}

export async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK)
    return (await stat(file)).isFile()
  } catch {
    return false
  }
}
