import { Command } from 'commander'
import { formatDuration } from '../../core/duration.ts'
import type { DetectionReport, DetectorView, EpisodeView } from '../../engine/views/view-types.ts'
import { openClient } from '../client.ts'
import { pageOf, printJson, printLines, wantsJson } from '../output.ts'
import { ageText } from '../render/age.ts'
import { plural, table, wrap } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

/** `runbook detect`: the runbooks that the engine samples by itself, and what it found. */
export function command(terminal: Terminal): Command {
  const detect = new Command('detect')
    .description(
      'Show and pause what the engine detects by itself: it samples the symptom of each runbook that has "detect", and opens an incident.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  runbook detect list\n  runbook detect report stuck-runs --since 7d\n  runbook detect pause stuck-runs --reason "a migration runs"',
    )
  detect
    .command('list')
    .summary('list the runbooks that are sampled, and what the samples cost')
    .description(
      'List the runbooks that are sampled: the last sample, how long the last samples took (median and longest), and how much they read.',
    )
    .addHelpText('after', '\nExample:\n  runbook detect list')
    .action(async (_options: object, self: Command) => {
      const detectors = await openClient(terminal).detectors()
      if (wantsJson(self)) return printJson(terminal, detectors)
      if (detectors.length === 0) return terminal.log('no runbook has "detect"')
      printDetectors(terminal, detectors)
    })
  detect
    .command('report [runbook]')
    .summary('show what was found, or would have been opened in shadow mode')
    .description(
      'Show when the symptom was present and for how long, what was opened or would have been opened in shadow mode, and whether an alert fired too.',
    )
    .option('--since <duration>', 'how far to look back', '7d')
    .addHelpText('after', '\nExample:\n  runbook detect report stuck-runs --since 24h')
    .action(async (runbook: string | undefined, { since }: { since: string }, self: Command) => {
      const report = await openClient(terminal).detectionReport(since, runbook)
      if (wantsJson(self)) return printJson(terminal, report)
      if (report.runbooks.length === 0) return terminal.log('no runbook has "detect"')
      for (const one of report.runbooks) printReport(terminal, one)
    })
  for (const verb of ['pause', 'resume'] as const)
    detect
      .command(`${verb} <runbook>`)
      .summary(`${verb} the samples of a runbook`)
      .description(
        verb === 'pause'
          ? 'Pause the samples of a runbook. Alerts and people still open its incidents.'
          : 'Resume the samples of a runbook that were paused.',
      )
      .requiredOption('-r, --reason <text>', 'the reason (required); stored with the change')
      .addHelpText('after', `\nExample:\n  runbook detect ${verb} stuck-runs --reason "a migration"`)
      .action(async (runbook: string, { reason }: { reason: string }, self: Command) => {
        const detectors = await openClient(terminal).pauseDetection(runbook, verb, reason)
        if (wantsJson(self)) printJson(terminal, detectors)
        terminal.log(`the detection of ${runbook} is ${verb === 'pause' ? 'paused' : 'resumed'}`)
      })
  return detect
}

function printDetectors(terminal: Terminal, detectors: DetectorView[]): void {
  const { width, colours, now } = pageOf(terminal)
  const rows = detectors.map((one) => [
    one.runbook,
    `${one.state}${one.shadow ? ', shadow' : ''}`,
    formatDuration(one.everyMs),
    one.last ? `${ageText(now - Date.parse(one.last.at))} ago` : '-',
    symptomText(one),
    costText(one),
    one.last ? `${plural(one.last.rows, 'row')}, ${one.last.bytes} B` : '-',
    `${one.unreadable} of ${one.samples}`,
    whyText(one),
  ])
  const headings = ['RUNBOOK', 'STATE', 'EVERY', 'LAST', 'SYMPTOM', 'TOOK (MAX)', 'READ', 'UNREADABLE', 'WHY']
  printLines(terminal, table(headings, rows, width, colours.dim))
}

function symptomText({ last, episode }: DetectorView): string {
  if (!last) return '-'
  if (last.symptom === 'unreadable') return 'unreadable'
  return last.symptom ? (episode?.incident ?? 'present') : 'absent'
}

function costText({ recentMs }: DetectorView): string {
  const sorted = recentMs.toSorted((a, b) => a - b)
  if (sorted.length === 0) return '-'
  return `${sorted[Math.floor(sorted.length / 2)]}ms (${sorted.at(-1)}ms)`
}

function whyText({ paused, last }: DetectorView): string {
  return paused ? `${paused.person}: ${paused.reason}` : (last?.problem ?? '')
}

function printReport(terminal: Terminal, report: DetectionReport['runbooks'][number]): void {
  const { width, colours } = pageOf(terminal)
  const { runbook, shadow, episodes, alone, withAlert, undetected, truncated } = report
  const found = `${plural(episodes.length, 'time')} with the symptom: ${alone} alone, ${withAlert} together with an alert`
  printLines(terminal, wrap(`${runbook}${shadow ? ' (shadow: opens nothing)' : ''}: ${found}`, width))
  const rows = episodes.map((one) => [
    one.firstAt.slice(0, 19) + 'Z',
    ageText(Date.parse(one.endedAt ?? one.lastAt) - Date.parse(one.firstAt)) + (one.endedAt ? '' : ', lasts'),
    String(one.samples),
    outcomeText(one),
    one.alertAt ? `since ${one.alertAt.slice(11, 19)}Z` : 'none',
    one.key,
  ])
  if (rows.length > 0)
    printLines(terminal, table(['SINCE', 'FOR', 'SAMPLES', 'RESULT', 'ALERT', 'KEY'], rows, width, colours.dim))
  for (const { incident, requester, openedAt } of undetected)
    printLines(terminal, [`not detected: ${incident}, opened by ${requester} at ${openedAt}`])
  if (truncated) terminal.log('there is more than is shown; choose a shorter --since')
}

function outcomeText({ state, incident }: EpisodeView): string {
  switch (state) {
    case 'counting':
    case 'shadow':
      return 'would have opened'
    case 'maintenance':
      return 'held back by maintenance'
    case 'quiet':
      return `counted on ${incident ?? 'a closed incident'}`
    default:
      return `${state} ${incident ?? ''}`
  }
}
