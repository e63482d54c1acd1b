import type { Config, Person } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { RunbookError } from '../core/errors.ts'
import { newPassword } from '../engine/setup/provision.ts'
import { tokenHash } from '../gate/authenticate.ts'
import { projectDirectory } from './address.ts'
import type { Terminal } from './terminal.ts'

/** The configuration of the project, with its people. Throws `RUNBOOK_CONFIG`. */
export function readPeople({ cwd, env }: Terminal): Config {
  return loadConfig({ env, cwd: projectDirectory(cwd) })
}

/** A person of the configuration. Throws `RUNBOOK_BAD_INPUT` for a name that is not in the configuration. */
export function findPerson(terminal: Terminal, name: string): { file: string; person: Person } {
  const { file, people } = readPeople(terminal)
  const person = Object.hasOwn(people, name) ? people[name] : undefined
  if (person) return { file, person }
  const known = Object.keys(people).join(', ') || 'none'
  throw new RunbookError('RUNBOOK_BAD_INPUT', `${name} is not in ${file}. People there: ${known}`)
}

/** A new token, and the value that the configuration holds for it. */
export function newToken(): { token: string; hash: string } {
  const token = newPassword()
  return { token, hash: `sha256:${tokenHash(token)}` }
}

/** Where the token of a person is, in a few words. The token itself is not known. */
export function tokenState({ tokenHash: hash, tokenReference: reference }: Person): string {
  if (reference !== undefined) return hash === undefined ? `${reference}, which is not set` : reference
  return hash === undefined ? 'none' : `sha256:${hash.slice(0, 8)}…`
}
