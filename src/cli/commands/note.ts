import { Command } from 'commander'
import { RunbookError } from '../../core/errors.ts'
import { openClient } from '../client.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

const MAX_NOTE_LENGTH = 10_000

export function command(terminal: Terminal): Command {
  return new Command('note')
    .description('Add a note to the history of an open or closed incident.')
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .argument('<text...>', 'the note; - reads it from stdin')
    .addHelpText(
      'after',
      '\nExamples:\n  runbook note 142 "the deploy at 02:10 caused this"\n  git log -3 | runbook note 142 -',
    )
    .action(async (id: string, words: string[], _options: object, self: Command) => {
      const text = words.length === 1 && words[0] === '-' ? await fromStdin(terminal) : words.join(' ')
      if (text.trim() === '')
        throw new RunbookError('RUNBOOK_BAD_INPUT', 'the note is empty. Write a text, or - to read it from stdin.')
      const view = await openClient(terminal).note(id, text)
      if (wantsJson(self)) printJson(terminal, view)
      terminal.log(`note added to ${id}`)
    })
}

async function fromStdin(terminal: Terminal): Promise<string> {
  if (terminal.interactive) terminal.log('Type the note; end it with Ctrl-D.')
  return terminal.readStdin(MAX_NOTE_LENGTH)
}
