import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { notifiable } from '../config/channels.ts'
import type { Config } from '../config/config.ts'
import { RunbookError } from '../core/errors.ts'
import { nearest } from '../core/nearest.ts'
import type { ConnectionKind } from '../language/kinds/kind.ts'
import { loadRunbooks, type Catalogue, type LoadedRunbook } from '../language/load.ts'
import { unknownPolicyKinds } from '../language/policy-kinds.ts'
import { authorsOf } from './runbook-authors.ts'

export type { Catalogue, LoadedRunbook } from '../language/load.ts'

export interface EngineCatalogue extends Catalogue {
  /**
   * The person who changed each runbook last, by plan digest. Read only if the policy excludes authors; a runbook is
   * absent if its author is unknown.
   */
  authors: ReadonlyMap<string, string>
}

/**
 * Compiles the configured runbooks against the configured connections. A runbook with errors is left out, so that the others can be used;
 * its problems are in the catalogue. Throws `RUNBOOK_CONFIG` for a folder that does not exist.
 */
export async function loadCatalogue(config: Config): Promise<EngineCatalogue> {
  const missing = config.runbooks.filter((path) => !existsSync(path))
  if (missing.length > 0)
    throw new RunbookError('RUNBOOK_CONFIG', `${config.file}: runbooks: not found: ${missing.join(', ')}`)
  const unknown = unknownPolicyKinds(config.policy)
  if (unknown.length > 0)
    throw new RunbookError('RUNBOOK_CONFIG', unknown.map((one) => `${config.file}: ${one}`).join('\n'))
  const connections: Record<string, ConnectionKind> = {}
  for (const [name, { kind }] of Object.entries(config.connections)) connections[name] = kind
  const catalogue = loadRunbooks(config.runbooks, { connections, channels: notifiable(config) })
  return { ...catalogue, authors: await authorsOf(config, catalogue.runbooks) }
}

/** Each file that was left out because of errors, with its first error: `runbooks/x.yaml:3:5: …`. */
export function brokenRunbooks({ directory }: Pick<Config, 'directory'>, { problems }: Catalogue): string[] {
  const errors = problems.filter((problem) => problem.severity === 'error')
  const first = errors.filter((one, i) => errors.findIndex(({ file }) => file === one.file) === i)
  return first.map(({ file, line, column, message }) => `${displayPath(directory, file)}:${line}:${column}: ${message}`)
}

function displayPath(directory: string, file: string): string {
  const from = relative(directory, file)
  return from.startsWith('..') ? file : from
}

/** Throws `RUNBOOK_UNKNOWN_INCIDENT_TYPE` with the known types. */
export function runbookFor(catalogue: Catalogue, type: string): LoadedRunbook {
  const found = catalogue.byIncident.get(type)
  if (found) return found
  const known = [...catalogue.byIncident.keys()].sort()
  const suggestion = nearest(type, known)
  const broken = [
    ...new Set(catalogue.problems.filter((problem) => problem.severity === 'error').map((problem) => problem.file)),
  ]
  const message = [
    `no runbook for incidents of type ${type}.`,
    ...(suggestion ? [`Did you mean ${suggestion}?`] : []),
    `Known: ${known.join(', ') || 'none'}.`,
    ...(broken.length > 0 ? [`Not loaded because of errors (see "runbook lint"): ${broken.join(', ')}.`] : []),
  ]
  throw new RunbookError('RUNBOOK_UNKNOWN_INCIDENT_TYPE', message.join(' '), { known })
}
