import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load-config.ts'
import { RunbookError } from '../core/errors.ts'
import type { LoadOptions } from '../language/load.ts'
import { CONFIG_FILE } from './address.ts'
import type { Terminal } from './terminal.ts'

/** What authors work on: the runbooks that were named, else those of the configuration; which need not be there. */
export interface Project {
  paths: string[]
  options: LoadOptions
  /** Absent: there is none, and what it would tell was not checked. */
  config?: Config
}

/** Throws `RUNBOOK_BAD_INPUT` for a path that does not exist. */
export function projectOf({ cwd, env }: Terminal, named: string[]): Project {
  const file = configFor(cwd, named)
  const config = file === undefined ? undefined : loadConfig({ file, env, cwd })
  const paths = named.length > 0 ? named : (config?.runbooks ?? ['runbooks'])
  const missing = paths.filter((path) => !existsSync(path))
  if (missing.length > 0) throw new RunbookError('RUNBOOK_BAD_INPUT', `there is no ${missing.join(', ')}`)
  return { paths, options: known(config), ...(config ? { config } : {}) }
}

/** The configuration of `cwd`; else the nearest one above the runbooks that were named; else the nearest one above `cwd`. */
function configFor(cwd: string, named: string[]): string | undefined {
  const begins = [...named.map((path) => resolve(cwd, path)), cwd]
  const found = [join(cwd, CONFIG_FILE), ...begins.flatMap(configsAbove)]
  return found.find((file) => existsSync(file))
}

function configsAbove(path: string): string[] {
  const above = dirname(path) === path ? [] : configsAbove(dirname(path))
  return [join(path, CONFIG_FILE), ...above]
}

/** Without a configuration nothing is known of connections, and their names are taken as they are. */
function known(config: Config | undefined): LoadOptions {
  if (!config) return {}
  const connections = Object.entries(config.connections)
  const readOnly = connections.filter(([, one]) => 'read' in one && !('write' in one)).map(([name]) => name)
  const groups = groupsOf(config)
  return {
    connections: Object.fromEntries(connections.map(([name, { kind }]) => [name, kind] as const)),
    readOnly,
    ...(groups ? { groups } : {}),
    channels: Object.keys(config.channels),
  }
}

/** The people of each group; undefined where an identity provider says who else is in which. */
function groupsOf({ people, oidc }: Config): Record<string, string[]> | undefined {
  if (oidc) return undefined
  const groups: Record<string, string[]> = {}
  for (const [name, person] of Object.entries(people))
    for (const group of person.groups) (groups[group] ??= []).push(name)
  return groups
}
