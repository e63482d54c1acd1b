import type { Plan } from '../core/plan.ts'
import { coverageOf, type Coverage } from '../interpreter/scenarios/coverage.ts'
import { runScenario, type ScenarioRun } from '../interpreter/scenarios/run-scenario.ts'
import { loadRunbooks, runbookOf, scenarioFileOf, type LoadOptions } from '../language/load.ts'
import type { Source } from '../language/parse/source.ts'
import type { Problem } from '../language/problems.ts'
import { compileScenarios } from '../language/scenarios/compile-scenarios.ts'

/** A runbook and the results of its scenarios. */
export interface TestedRunbook {
  runbook: string
  file: string
  /** The file with the scenarios of the runbook; absent if there is none. */
  scenarios?: { file: string; source: Source }
  runs: ScenarioRun[]
  coverage: Coverage
}

export interface TestedRunbooks {
  /** The runbooks whose scenarios were run. Runbooks whose scenarios have problems are left out. */
  tested: TestedRunbook[]
  /** Errors in runbooks and scenarios that prevent them from being run. */
  problems: Problem[]
  files: number
}

/**
 * Runs the scenarios of the runbooks in these files and folders. Needs no server: scenarios contain the checks' results and have
 * their own clock.
 */
export async function testRunbooks(paths: readonly string[], options: LoadOptions): Promise<TestedRunbooks> {
  const { runbooks, problems, files } = loadRunbooks(paths.map(runbookOf), options)
  const found = problems.filter((problem) => problem.severity === 'error')
  const tested: TestedRunbook[] = []
  for (const { file, plan } of runbooks) {
    const beside = scenarioFileOf(file)
    const one = await testRunbook({ file, plan }, beside)
    if (Array.isArray(one)) found.push(...one)
    else tested.push(one)
  }
  return { tested, problems: found, files }
}

/** Runs the scenarios of one runbook. Returns the problems of the scenario file instead, if it has any. */
export async function testRunbook(
  { file, plan }: { file: string; plan: Plan },
  beside: { file: string; text: string } | undefined,
): Promise<TestedRunbook | Problem[]> {
  const compiled = beside && compileScenarios(beside.text, beside.file, plan)
  const errors = compiled?.problems.filter((problem) => problem.severity === 'error') ?? []
  if (errors.length > 0) return errors
  const runs: ScenarioRun[] = []
  for (const scenario of compiled?.scenarios ?? []) runs.push(await runScenario(plan, scenario))
  return {
    runbook: plan.name,
    file,
    ...(beside && compiled ? { scenarios: { file: beside.file, source: compiled.source } } : {}),
    runs,
    coverage: coverageOf(plan, runs),
  }
}
