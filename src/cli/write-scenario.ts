import { writeFileSync } from 'node:fs'
import { RunbookError } from '../core/errors.ts'
import type { TestedRunbook } from '../engine/test-runbooks.ts'
import type { Review } from '../engine/views/view-types.ts'
import { loadRunbooks, runbookOf, scenarioFileOf, scenarioPathOf, type LoadedRunbook } from '../language/load.ts'
import { renderText, type Problem } from '../language/problems.ts'
import { openClient } from './client.ts'
import { Exit } from './command.ts'
import { openProject, type Project } from './project.ts'
import { testLines } from './render/tests.ts'
import type { Terminal } from './terminal.ts'

/**
 * `runbook test --from`: a scenario made from a closed incident, printed or added to the scenario file of its runbook. The scenario then
 * runs with the present version of the runbook. If it does not pass, the command says why and ends with exit code 1.
 */
export async function writeScenario(
  terminal: Terminal,
  incident: string,
  paths: string[],
  append: boolean,
): Promise<void> {
  const [review, { scenarioFrom }] = await Promise.all([
    openClient(terminal).review(incident),
    import('../engine/scenarios/scenario-from-review.ts'),
  ])
  const runbook = findRunbook(terminal, paths, review)
  if (append) return appendTo(terminal, review, runbook)
  const text = scenarioFrom(review, runbook?.plan)
  terminal.print(text.trimEnd())
  if (!runbook) return terminal.log(`${missing(review)}, so the scenario was not tested.`)
  report(terminal, review, runbook, await run(runbook, { file: `${incident}.test.yaml`, text }), 'the scenario')
}

async function appendTo(terminal: Terminal, review: Review, runbook: LoadedRunbook | undefined): Promise<void> {
  if (!runbook)
    throw new RunbookError('RUNBOOK_BAD_INPUT', `${missing(review)}, so there is no file to add the scenario to.`)
  const { scenarioFrom, appendScenario } = await import('../engine/scenarios/scenario-from-review.ts')
  const file = scenarioPathOf(runbook.file)
  const before = scenarioFileOf(runbook.file)
  const text = before ? appendScenario(before.text, file, review, runbook.plan) : scenarioFrom(review, runbook.plan)
  const tested = await run(runbook, { file, text })
  // A file with problems would keep its other scenarios from running.
  if (Array.isArray(tested))
    return report(terminal, review, runbook, tested, `Nothing was added to ${file}: the scenario`)
  // `wx` refuses a file that was created after this command searched for it.
  writeFileSync(file, text, { flag: before ? 'w' : 'wx' })
  report(terminal, review, runbook, tested, `${before ? 'Added to' : 'Wrote'} ${file}: the scenario`)
}

/** The runbook of the incident in the files of this folder. */
function findRunbook(terminal: Terminal, paths: string[], { incident }: Review): LoadedRunbook | undefined {
  const project = projectOf(terminal, paths)
  if (!project) return undefined
  const { paths: found, asEngine } = project
  return loadRunbooks(found.map(runbookOf), asEngine).byName.get(incident.runbook)
}

/** Undefined if no path is named and this folder has no runbooks: a scenario can be printed anywhere. */
function projectOf(terminal: Terminal, paths: string[]): Project | undefined {
  try {
    return openProject(terminal, paths)
  } catch (error) {
    if (paths.length === 0 && error instanceof RunbookError && error.code === 'RUNBOOK_BAD_INPUT') return undefined
    throw error
  }
}

function missing({ incident }: Review): string {
  return `${incident.id} ran by the runbook ${incident.runbook}, which is not in this folder, or has errors (runbook lint)`
}

/** Runs only the last scenario of the file, which is the new one. */
async function run(
  runbook: LoadedRunbook,
  scenarios: { file: string; text: string },
): Promise<TestedRunbook | Problem[]> {
  const { testRunbook } = await import('../engine/test-runbooks.ts')
  const tested = await testRunbook(runbook, scenarios)
  return Array.isArray(tested) ? tested : { ...tested, runs: tested.runs.slice(-1) }
}

function report(
  terminal: Terminal,
  { incident: { id, planDigest } }: Review,
  { planDigest: now }: LoadedRunbook,
  tested: TestedRunbook | Problem[],
  what: string,
): void {
  const changed =
    planDigest === now ? '' : `. The runbook has changed since ${id}, so this may be an intended effect of the change`
  if (Array.isArray(tested)) {
    terminal.log(renderText(tested, terminal.colours).trimEnd())
    terminal.log(`${what} does not fit the runbook${changed}.`)
    throw new Exit(1)
  }
  if (tested.runs.every(({ mismatches }) => mismatches.length === 0)) return terminal.log(`${what} passes.`)
  for (const line of testLines(tested, terminal.colours, false)) terminal.log(line)
  terminal.log(`${what} does not pass${changed}.`)
  throw new Exit(1)
}
