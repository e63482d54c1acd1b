import { Command } from 'commander'
import { RunbookError } from '../../core/errors.ts'
import type { TestedRunbooks } from '../../engine/test-runbooks.ts'
import { renderText } from '../../language/problems.ts'
import { Exit } from '../command.ts'
import { parseIncidentId } from '../incident-id.ts'
import { printJson, printLines, wantsJson } from '../output.ts'
import { openProject } from '../project.ts'
import { plural } from '../render/layout.ts'
import { coverageLines, testLines } from '../render/tests.ts'
import type { Terminal } from '../terminal.ts'
import { writeScenario } from '../write-scenario.ts'

interface Options {
  coverage?: true
  all?: true
  from?: string
  append?: true
}

export function command(terminal: Terminal): Command {
  return new Command('test')
    .description(
      'Run the scenarios of runbooks (stuck-runs.test.yaml belongs to stuck-runs.yaml). A scenario gives results of checks and decisions, and the test compares what the runbook does with what it expects. Needs no server; time is simulated.',
    )
    .argument('[paths...]', 'files or folders (default: the runbooks of the configuration, else runbooks/)')
    .option('--coverage', 'show which causes and remedies the scenarios reach; fail if one is not reached')
    .option('--all', 'also list the scenarios that passed')
    .option('--from <incident>', 'print a scenario made from a closed incident, and test only it', parseIncidentId)
    .option('--append', 'with --from: add the scenario to the scenario file of its runbook instead of printing it')
    .addHelpText(
      'after',
      '\nExit code 1 if a scenario fails.\n\nExamples:\n  runbook test\n  runbook test runbooks/stuck-runs.yaml --coverage\n  runbook test --from INC-142 --append',
    )
    .action(async (paths: string[], { coverage, all, from, append }: Options, self: Command) => {
      if (from !== undefined) return writeScenario(terminal, from, paths, append ?? false)
      if (append) throw new RunbookError('RUNBOOK_BAD_INPUT', 'use --append together with --from <incident>')
      const { paths: found, asEngine } = openProject(terminal, paths)
      const { testRunbooks } = await import('../../engine/test-runbooks.ts')
      const results = await testRunbooks(found, asEngine)
      if (results.files === 0)
        throw new RunbookError(
          'RUNBOOK_BAD_INPUT',
          `there are no runbooks (*.yaml) in ${found.join(', ')}. Name a file or another folder.`,
        )
      if (wantsJson(self)) printJson(terminal, toJson(results))
      else print(terminal, results, all ?? false, coverage ?? false)
      const { failed, gaps } = summary(terminal, results)
      if (failed || (coverage && gaps)) throw new Exit(1)
    })
}

function print(terminal: Terminal, { tested, problems }: TestedRunbooks, all: boolean, coverage: boolean): void {
  const { colours } = terminal
  if (problems.length > 0) terminal.print(renderText(problems, colours).trimEnd())
  for (const one of tested) printLines(terminal, testLines(one, colours, all))
  if (coverage) for (const one of tested) printLines(terminal, ['', ...coverageLines(one, colours)])
}

function summary(terminal: Terminal, { tested, problems }: TestedRunbooks): { failed: boolean; gaps: boolean } {
  const runs = tested.flatMap((one) => one.runs)
  const failed = runs.filter(({ mismatches }) => mismatches.length > 0).length
  const gaps = tested.flatMap(({ file, scenarios, coverage }) =>
    scenarios ? coverage.gaps.map((gap) => `${scenarios.file}: ${gap}`) : [`${file}: has no scenarios`],
  )
  for (const gap of gaps) terminal.log(`${terminal.colours.yellow('warning')} ${gap}`)
  const found = problems.length > 0 ? `, ${plural(problems.length, 'problem')}` : ''
  const verdict = failed > 0 ? `${failed} failed` : runs.length > 0 || problems.length === 0 ? 'all passed' : 'none run'
  terminal.log(`${plural(runs.length, 'scenario')} of ${plural(tested.length, 'runbook')}, ${verdict}${found}`)
  return { failed: failed > 0 || problems.length > 0, gaps: gaps.length > 0 }
}

function toJson({ tested, problems }: TestedRunbooks): unknown {
  return {
    problems,
    runbooks: tested.map(({ runbook, file, scenarios, runs, coverage }) => ({
      runbook,
      file,
      scenarios: runs.map(({ scenario, mismatches, summary: story, run }) => ({
        scenario: scenario.name,
        line: scenarios?.source.position(scenario.at.start).line,
        passed: mismatches.length === 0,
        mismatches: mismatches.map(({ what, expected, actual, at }) => ({
          what,
          expected,
          actual,
          ...scenarios?.source.position(at.start),
        })),
        outcome: run.closing.outcome,
        story,
      })),
      coverage,
    })),
  }
}
