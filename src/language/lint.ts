import { loadRunbooks, runbookOf, scenarioFileOf } from './load.ts'
import type { LoadOptions } from './load.ts'
import { sortProblems } from './problems.ts'
import type { Problem } from './problems.ts'
import { compileScenarios } from './scenarios/compile-scenarios.ts'

/**
 * The problems of runbooks, and of the scenario files of those that compile. The path of a scenario file selects the runbook and its
 * scenarios. Throws the error of the file system if a path, or the runbook of a scenario file, does not exist.
 */
export function lintRunbooks(paths: readonly string[], options: LoadOptions): { problems: Problem[]; files: number } {
  const { runbooks, problems, files } = loadRunbooks(paths.map(runbookOf), options)
  const scenarios = runbooks.flatMap(({ file, plan }) => {
    const beside = scenarioFileOf(file)
    return beside ? compileScenarios(beside.text, beside.file, plan).problems : []
  })
  return { problems: sortProblems([...problems, ...scenarios]), files }
}
