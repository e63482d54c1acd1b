import { Command, InvalidArgumentError } from 'commander'
import { defined } from '../../core/defined.ts'
import { isDate } from '../../core/follow-up.ts'
import type { FollowUpView } from '../../engine/views/view-types.ts'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, pageOf, printJson, printLines, wantsJson } from '../output.ts'
import { table } from '../render/layout.ts'
import type { Terminal } from '../terminal.ts'

interface AddOptions {
  owner: string
  due?: string
}

/** `runbook follow-up`: follow-ups, which are things that remain to be done after incidents. */
export function command(terminal: Terminal): Command {
  const followUp = new Command('follow-up')
    .description('List, add and close follow-ups: things that remain to be done after incidents. Reviews show them.')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook follow-up list\n  runbook follow-up add 142 "raise the lock duration" --owner platform --due 2026-03-31\n  runbook follow-up close 142 1 --result "raised to 60 s"',
    )
  followUp
    .command('list')
    .summary('list the open follow-ups, or all of one incident')
    .description('List the open follow-ups of all incidents, or all follow-ups of one incident.')
    .argument('[incident]', 'only the follow-ups of this incident, open and closed', parseIncidentId)
    .addHelpText('after', '\nExamples:\n  runbook follow-up list\n  runbook follow-up list 142')
    .action(async (id: string | undefined, _options: object, self: Command) => {
      const found = await openClient(terminal).followUps(id)
      if (wantsJson(self)) return printJson(terminal, found)
      printFollowUps(terminal, found)
    })
  followUp
    .command('add')
    .summary('add a follow-up to an incident')
    .description('Add a follow-up to an open or closed incident.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .argument('<text...>', 'what remains to be done')
    .requiredOption('--owner <name>', 'the person or group that is responsible (required)')
    .option('--due <date>', 'until when, such as 2026-03-31', parseDate)
    .addHelpText('after', '\nExample:\n  runbook follow-up add 142 "raise the lock duration" --owner platform')
    .action(async (id: string, words: string[], { owner, due }: AddOptions, self: Command) => {
      const added = await openClient(terminal).addFollowUp(id, defined({ text: words.join(' '), owner, due }))
      if (wantsJson(self)) printJson(terminal, added)
      terminal.log(`follow-up ${added.number} of ${id} is open, for ${added.owner}`)
    })
  followUp
    .command('close')
    .summary('close a follow-up, and say what was done')
    .description('Close a follow-up.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .argument('<number>', 'the number of the follow-up within the incident', parseNumber)
    .requiredOption('-r, --result <text>', 'what was done, or why nothing has to be done any more (required)')
    .addHelpText('after', '\nExample:\n  runbook follow-up close 142 1 --result "raised to 60 s"')
    .action(async (id: string, number: number, { result }: { result: string }, self: Command) => {
      const closed = await openClient(terminal).closeFollowUp(id, number, result)
      if (wantsJson(self)) printJson(terminal, closed)
      terminal.log(`follow-up ${number} of ${id} is closed`)
    })
  return followUp
}

function parseDate(text: string): string {
  if (isDate(text)) return text
  throw new InvalidArgumentError('Write a date such as 2026-03-31.')
}

function parseNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Write the number of the follow-up, such as 1. "runbook follow-up list" prints it.')
}

function printFollowUps(terminal: Terminal, found: FollowUpView[]): void {
  if (found.length === 0) return terminal.log('no follow-ups')
  const { width, colours } = pageOf(terminal)
  const rows = found.map((one) => [
    one.incident,
    String(one.number),
    one.closedAt === null ? 'open' : 'closed',
    one.owner,
    one.due ?? '-',
    one.result === null ? one.text : `${one.text}: ${one.result}`,
  ])
  printLines(terminal, table(['INCIDENT', 'NUMBER', 'STATE', 'OWNER', 'DUE', 'WHAT'], rows, width, colours.dim))
}
