import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { notifiable } from '../config/channels.ts'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { defined } from '../core/defined.ts'
import { RunbookError } from '../core/errors.ts'
import type { LoadOptions } from '../language/load.ts'
import { unknownPolicyKinds } from '../language/policy-kinds.ts'
import { CONFIG_FILE } from './address.ts'
import type { Terminal } from './terminal.ts'

/** The runbooks on which an author works: the paths on the command line, else the paths in the configuration. */
export interface Project {
  paths: string[]
  options: LoadOptions
  /** The options with which the engine loads runbooks: `lint` also reports what the policy, groups and credentials lack. */
  asEngine: LoadOptions
  /** The configuration. Without it, connections, groups and channels are not checked. */
  config?: Config
}

/** Finds the runbooks and the configuration. Throws `RUNBOOK_BAD_INPUT` for a path that does not exist. */
export function openProject({ cwd, env }: Terminal, paths: string[]): Project {
  const file = findConfig(cwd, paths)
  const config = file === undefined ? undefined : loadConfig({ file, env, cwd })
  if (config) requirePolicyKinds(config)
  const found = paths.length > 0 ? paths : (config?.runbooks ?? ['runbooks'])
  const missing = found.filter((path) => !existsSync(path))
  if (missing.length > 0)
    throw new RunbookError(
      'RUNBOOK_BAD_INPUT',
      `there is no ${missing.join(', ')}. Name a runbook file or a folder with runbooks.`,
    )
  const options = loadOptions(config)
  const { connections, channels } = options
  return { paths: found, options, asEngine: defined({ connections, channels }), ...defined({ config }) }
}

/** The configuration in `cwd`; else the nearest configuration above the given paths; else the nearest one above `cwd`. */
function findConfig(cwd: string, paths: string[]): string | undefined {
  const starts = [...paths.map((path) => resolve(cwd, path)), cwd]
  const candidates = [join(cwd, CONFIG_FILE), ...starts.flatMap(configsAbove)]
  return candidates.find((file) => existsSync(file))
}

function configsAbove(path: string): string[] {
  const above = dirname(path) === path ? [] : configsAbove(dirname(path))
  return [join(path, CONFIG_FILE), ...above]
}

/** Without a configuration any name of a connection, group or channel is accepted. */
function loadOptions(config: Config | undefined): LoadOptions {
  if (!config) return {}
  const connections = Object.entries(config.connections)
  const readOnly = connections.filter(([, one]) => 'read' in one && !('write' in one)).map(([name]) => name)
  return {
    connections: Object.fromEntries(connections.map(([name, { kind }]) => [name, kind] as const)),
    readOnly,
    channels: notifiable(config),
    policy: config.policy,
    ...defined({ groups: peopleByGroup(config) }),
  }
}

/** Throws `RUNBOOK_CONFIG` if a rule of the policy names an action kind that does not exist. */
function requirePolicyKinds({ file, policy }: Config): void {
  const unknown = unknownPolicyKinds(policy)
  if (unknown.length > 0) throw new RunbookError('RUNBOOK_CONFIG', unknown.map((one) => `${file}: ${one}`).join('\n'))
}

/**
 * The configured people of each group. Undefined if there is an identity provider, because it knows further people and
 * groups.
 */
function peopleByGroup({ people, oidc }: Config): Record<string, string[]> | undefined {
  if (oidc) return undefined
  const groups: Record<string, string[]> = {}
  for (const [name, person] of Object.entries(people))
    for (const group of person.groups) (groups[group] ??= []).push(name)
  return groups
}
