import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/** Where downloaded and built servers are kept, for every stack of this user. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env['XDG_CACHE_HOME']
  return join(base !== undefined && isAbsolute(base) ? base : join(homedir(), '.cache'), 'maestro-runbooks')
}
