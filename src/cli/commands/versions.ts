import { Command } from 'commander'
import { createTwoFilesPatch } from 'diff'
import { RunbookError } from '../../core/errors.ts'
import type { RunbookVersion } from '../../engine/views/view-types.ts'
import { openClient, type Client } from '../client.ts'
import { pageOf, printJson, printLines, wantsJson } from '../output.ts'
import { ageText } from '../render/age.ts'
import { table } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

interface Options {
  diff?: string[]
  show?: string
}

/** `runbook versions <runbook>`: the versions of a runbook that incidents used, and the differences between them. */
export function command(terminal: Terminal): Command {
  return new Command('versions')
    .description(
      'List the versions of a runbook that incidents used, and the version that is loaded now, newest first. Compare two of them, or print one.',
    )
    .argument('<runbook>', 'the name of the runbook')
    .option('--diff <version...>', 'compare this version with a second version (default: the loaded version)')
    .option('--show <version>', 'print the text of this version')
    .addHelpText(
      'after',
      "\nA version is named by the first characters of its plan's digest, at least four.\n\nExamples:\n  runbook versions stuck-runs\n  runbook versions stuck-runs --diff 3f9a\n  runbook versions stuck-runs --diff 3f9a 81cc\n  runbook versions stuck-runs --show 3f9a",
    )
    .action(async (runbook: string, { diff, show }: Options, self: Command) => {
      const client = openClient(terminal)
      const versions = await client.versions(runbook)
      if (show !== undefined) terminal.print(await client.source(runbook, digestOf(versions, show)))
      else if (diff !== undefined) printDiff(terminal, await compare(client, runbook, versions, diff))
      else if (wantsJson(self)) printJson(terminal, versions)
      else printTable(terminal, versions)
    })
}

function printTable(terminal: Terminal, versions: RunbookVersion[]): void {
  const { width, colours, now } = pageOf(terminal)
  const rows = versions.map(({ planDigest, firstUsedAt, incidents, authors, loaded }) => [
    planDigest.slice(0, 12),
    loaded ? 'yes' : 'no',
    firstUsedAt === null ? '-' : `${ageText(now - Date.parse(firstUsedAt))} ago`,
    String(incidents),
    authors.join(', ') || '-',
  ])
  printLines(terminal, table(['VERSION', 'LOADED', 'FIRST USED', 'INCIDENTS', 'AUTHOR'], rows, width, colours.dim))
}

/** A unified diff; empty if the texts are equal. */
async function compare(client: Client, runbook: string, versions: RunbookVersion[], named: string[]): Promise<string> {
  if (named.length > 2) throw new RunbookError('RUNBOOK_BAD_INPUT', '--diff: give one version or two')
  const [from, to] = [digestOf(versions, named[0]!), named[1] ? digestOf(versions, named[1]) : loadedOf(versions)]
  const [before, after] = await Promise.all([client.source(runbook, from), client.source(runbook, to)])
  if (before === after) return ''
  return createTwoFilesPatch(`${runbook} ${from.slice(0, 12)}`, `${runbook} ${to.slice(0, 12)}`, before, after)
}

function printDiff(terminal: Terminal, patch: string): void {
  if (patch === '') return terminal.log('the two versions are equal')
  const { green, red, dim } = terminal.colours
  const lines = patch.trimEnd().split('\n').slice(1)
  const styleOf = (text: string) =>
    /^(---|\+\+\+|@@)/.test(text) ? dim : text.startsWith('+') ? green : text.startsWith('-') ? red : String
  printLines(
    terminal,
    lines.map((text) => styleOf(text)(text)),
  )
}

function loadedOf(versions: RunbookVersion[]): string {
  const loaded = versions.find((version) => version.loaded)
  if (loaded) return loaded.planDigest
  throw new RunbookError(
    'RUNBOOK_NOT_FOUND',
    'this runbook is not loaded now: name both versions that you want to compare',
  )
}

function digestOf(versions: RunbookVersion[], start: string): string {
  const found = versions.filter(({ planDigest }) => start.length >= 4 && planDigest.startsWith(start))
  if (found.length === 1) return found[0]!.planDigest
  const known = versions.map(({ planDigest }) => planDigest.slice(0, 12)).join(', ')
  const what = found.length > 1 ? 'several versions begin with' : 'no version begins with'
  throw new RunbookError('RUNBOOK_NOT_FOUND', `${what} ${JSON.stringify(start)}. Known: ${known}.`)
}
