import { visibleLines } from '../../core/displayable.ts'
import type { TestedRunbook } from '../../engine/test-runbooks.ts'
import type { ScenarioRun } from '../../interpreter/scenarios/run-scenario.ts'
import type { Source } from '../../language/parse/source.ts'
import type { Colours } from '../terminal.ts'
import { pad, plural } from './layout.ts'

/** The results of one runbook's scenarios: failed ones in full, passed ones by name if `all`. */
export function testLines(tested: TestedRunbook, colours: Colours, all: boolean): string[] {
  const { runs, scenarios, file } = tested
  if (!scenarios) return [`${colours.yellow('!')} ${file} has no scenarios`]
  const failed = runs.filter(({ mismatches }) => mismatches.length > 0)
  const verdict = failed.length === 0 ? colours.green('✓') : colours.red('✗')
  const count =
    failed.length === 0
      ? plural(runs.length, 'scenario')
      : `${failed.length} of ${plural(runs.length, 'scenario')} failed`
  return [
    `${verdict} ${scenarios.file}  ${colours.dim(count)}`,
    ...runs.flatMap((run) =>
      run.mismatches.length > 0
        ? failureLines(run, scenarios.file, scenarios.source, colours)
        : all
          ? [`  ${colours.green('✓')} ${run.scenario.name}`]
          : [],
    ),
  ]
}

function failureLines(run: ScenarioRun, file: string, source: Source, colours: Colours): string[] {
  const { scenario, mismatches, summary } = run
  const place = (offset: number) => {
    const { line, column } = source.position(offset)
    return `${file}:${line}:${column}`
  }
  return [
    '',
    `  ${colours.red('✗')} ${colours.bold(scenario.name)}  ${colours.dim(place(scenario.at.start))}`,
    ...mismatches.flatMap(({ what, expected, actual, at }) => [
      `    ${what}  ${colours.dim(place(at.start))}`,
      `      expected: ${colours.green(visibleLines(expected))}`,
      `      actual:   ${colours.red(visibleLines(actual))}`,
      ...source
        .frame(at)
        .split('\n')
        .map((text) => colours.dim(`    ${text}`)),
    ]),
    '    what happened:',
    ...summary.map((text) => `      ${visibleLines(text)}`),
  ]
}

/** How often the scenarios reach each cause and remedy. */
export function coverageLines({ runbook, coverage }: TestedRunbook, colours: Colours): string[] {
  const width = Math.max(
    0,
    ...coverage.causes.map(({ cause }) => cause.length),
    ...coverage.remedies.map((one) => one.remedy.length),
  )
  const mark = (covered: boolean) => (covered ? colours.green('✓') : colours.yellow('!'))
  return [
    colours.bold(runbook),
    ...coverage.causes.map(
      ({ cause, holds, ruledOut, undetermined }) =>
        `  ${mark(holds > 0)} cause   ${pad(cause, width)}  holds ${holds}, ruled out ${ruledOut}, undetermined ${undetermined}`,
    ),
    ...coverage.remedies.map(({ remedy, proposed, verified, unrecovered, verifies }) => {
      const covered = proposed > 0 && (!verifies || (verified > 0 && unrecovered > 0))
      const found = verifies ? `verified ${verified}, not verified ${unrecovered}` : 'has no verification'
      return `  ${mark(covered)} remedy  ${pad(remedy, width)}  proposed ${proposed}, ${found}`
    }),
  ]
}
