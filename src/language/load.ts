import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { Plan, PlanCause } from '../core/plan.ts'
import { compileRunbook } from './compile.ts'
import type { NamedValue } from './compile/compile-names.ts'
import type { CompileOptions } from './compile.ts'
import { didYouMean } from '../core/nearest.ts'
import { decodeTextFile } from '../core/text-file.ts'
import { Source } from './parse/source.ts'
import { Reporter, sortProblems } from './problems.ts'
import type { Problem } from './problems.ts'
import type { Rule } from './rules.ts'

export interface LoadedRunbook {
  file: string
  text: string
  plan: Plan
  planDigest: string
  /** The names of `let`. In the plan, each use is replaced by the expression. */
  names: NamedValue[]
}

/** The runbooks of a folder. Runbooks with errors are omitted; `problems` has the reasons. */
export interface Catalogue {
  runbooks: LoadedRunbook[]
  problems: Problem[]
  /** The number of files that were read. */
  files: number
  byName: ReadonlyMap<string, LoadedRunbook>
  byIncident: ReadonlyMap<string, LoadedRunbook>
}

export type LoadOptions = Omit<CompileOptions, 'file'>

/**
 * Reads and compiles runbooks. A path is a file or a folder. Of a folder, all YAML files are read, except scenario files (`*.test.yaml`)
 * and the configuration. Throws the error of the file system if a path does not exist.
 */
export function loadRunbooks(paths: readonly string[], options: LoadOptions = {}): Catalogue {
  const files = runbookFiles(paths)
  const runbooks: LoadedRunbook[] = []
  const problems: Problem[] = []
  for (const file of files) {
    const text = decodeTextFile(readFileSync(file))
    const compiled = compileRunbook(text, { ...options, file })
    problems.push(...compiled.problems)
    if (compiled.plan && compiled.planDigest)
      runbooks.push({ file, text, plan: compiled.plan, planDigest: compiled.planDigest, names: compiled.names ?? [] })
  }
  const complete = runbooks.length === files.length
  problems.push(...betweenRunbooks(runbooks, complete))
  return {
    runbooks,
    problems: sortProblems(problems),
    files: files.length,
    byName: new Map(runbooks.map((runbook) => [runbook.plan.name, runbook])),
    byIncident: new Map(runbooks.map((runbook) => [runbook.plan.incident, runbook])),
  }
}

/** The files that `loadRunbooks` reads. Throws the error of the file system if a path does not exist. */
export function runbookFiles(paths: readonly string[]): string[] {
  return [...new Set(paths.flatMap(filesIn))]
}

/** The scenario file of a runbook, in the same folder: `stuck-runs.test.yaml`. Undefined if there is none. */
export function scenarioFileOf(runbook: string): { file: string; text: string } | undefined {
  const file = scenarioPathOf(runbook)
  return existsSync(file) ? { file, text: decodeTextFile(readFileSync(file)) } : undefined
}

/** The path of the scenario file of a runbook, whether the file exists or not. */
export function scenarioPathOf(runbook: string): string {
  return runbook.replace(/\.(ya?ml)$/, '.test.$1')
}

/** The path of the runbook to which a scenario file belongs: the runbook next to it. */
export function runbookOf(path: string): string {
  return path.replace(/\.test\.(ya?ml)$/, '.$1')
}

const NOT_A_RUNBOOK = /\.test\.ya?ml$|^runbook\.config\.yaml$/

function filesIn(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.ya?ml$/.test(entry.name) && !NOT_A_RUNBOOK.test(entry.name))
    .map((entry) => displayPath(join(entry.parentPath, entry.name)))
    .toSorted()
}

/** The path, relative to the working directory if the file is inside it. */
function displayPath(file: string): string {
  const path = relative(process.cwd(), resolve(file))
  return path.startsWith('..') ? file : path
}

/** Problems between runbooks: duplicate names, and handoffs to unknown incident types or inputs. */
function betweenRunbooks(runbooks: LoadedRunbook[], complete: boolean): Problem[] {
  const names = new Map<string, LoadedRunbook>()
  const incidents = new Map<string, LoadedRunbook>()
  const problems: Problem[] = []
  for (const runbook of runbooks) {
    const reporter = new Reporter(new Source(runbook.file, runbook.text))
    reportDuplicate(reporter, names, runbook, 'runbook', 'duplicate-runbook')
    reportDuplicate(reporter, incidents, runbook, 'incident', 'duplicate-incident')
    problems.push(...reporter.problems)
  }
  if (!complete) return problems
  for (const runbook of runbooks) {
    const reporter = new Reporter(new Source(runbook.file, runbook.text))
    for (const cause of runbook.plan.causes) checkHandoff(reporter, cause.then, incidents)
    checkHandoff(reporter, runbook.plan.otherwise, incidents)
    problems.push(...reporter.problems)
  }
  return problems
}

function reportDuplicate(
  reporter: Reporter,
  seen: Map<string, LoadedRunbook>,
  runbook: LoadedRunbook,
  field: 'runbook' | 'incident',
  rule: Rule,
): void {
  const name = field === 'runbook' ? runbook.plan.name : runbook.plan.incident
  const other = seen.get(name)
  if (!other) seen.set(name, runbook)
  else
    reporter.error(
      rule,
      lineOf(runbook.text, new RegExp(`^${field}:.*`, 'm')),
      field === 'runbook'
        ? `${other.file} already has the name "${name}". Choose another name.`
        : `${other.file} already treats "${name}". An incident type has only one runbook.`,
    )
}

function checkHandoff(reporter: Reporter, then: PlanCause['then'], known: Map<string, LoadedRunbook>): void {
  if (!('end' in then) || then.end !== 'handoff') return
  const at = lineOf(reporter.source.text, new RegExp(`\\bincident:\\s*["']?${then.incident}\\b.*`))
  const to = known.get(then.incident)
  if (!to) {
    const message = `No runbook treats "${then.incident}".${didYouMean(then.incident, known.keys())}`
    return reporter.error('unknown-incident', at, message)
  }
  for (const name of Object.keys(then.inputs))
    if (!Object.hasOwn(to.plan.inputs, name))
      reporter.error(
        'unknown-input',
        at,
        `${to.plan.name} has no input "${name}".${didYouMean(name, Object.keys(to.plan.inputs))}`,
      )
  for (const [name, input] of Object.entries(to.plan.inputs))
    if (!input.optional && input.default === undefined && !Object.hasOwn(then.inputs, name))
      reporter.error('missing-input', at, `${to.plan.name} requires the input "${name}". Add it to the handoff.`)
}

function lineOf(text: string, pattern: RegExp): { start: number; end: number } {
  const match = pattern.exec(text)
  return match ? { start: match.index, end: match.index + match[0].length } : { start: 0, end: 1 }
}
