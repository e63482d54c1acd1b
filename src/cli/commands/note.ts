import { Command } from 'commander'
import { RunbookError } from '../../core/errors.ts'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

const LONGEST = 10_000

export function command(terminal: Terminal): Command {
  return new Command('note')
    .description('Adds a note to the history of an incident, also of one that is closed.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .argument('<text...>', 'the note; - reads it from stdin')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook note 142 "the deploy at 02:10 is to blame"\n  git log -3 | runbook note 142 -',
    )
    .action(async (id: string, words: string[], _options: object, self: Command) => {
      const text = words.length === 1 && words[0] === '-' ? await fromStdin(terminal) : words.join(' ')
      if (text.trim() === '') throw new RunbookError('RUNBOOK_BAD_INPUT', 'the note is empty')
      const view = await openClient(terminal).note(id, text)
      if (wantsJson(self)) printJson(terminal, view)
      terminal.say(`noted on ${id}`)
    })
}

async function fromStdin(terminal: Terminal): Promise<string> {
  if (terminal.interactive) terminal.say('write the note; Ctrl-D ends it')
  return terminal.readAll(LONGEST)
}
