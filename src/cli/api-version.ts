import { ownVersion } from '../engine/own-version.ts'

/**
 * Why answers of the API may not fit this command; undefined if both have the same version. `version` is what the API names, and null if it
 * names none.
 */
export function versionMismatch(url: string, version: string | null): string | undefined {
  const own = ownVersion()
  if (version === own) return undefined
  const named = version !== null && /^[\w.+-]{1,40}$/.test(version)
  const api = named ? `has version ${version}` : 'does not name its version, so it is an older one'
  return `the API at ${url} ${api}, and this command has version ${own}: use the same version of both, because an answer may lack what the command needs`
}
