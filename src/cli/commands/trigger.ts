import { Command } from 'commander'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { collectInput } from '../inputs.ts'
import { printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

interface Options {
  input?: Record<string, string>
  watch?: true
}

export function command(terminal: Terminal): Command {
  return new Command('trigger')
    .description('Opens an incident, or joins the one that is open under the same key.')
    .argument('<incident-type>', 'such as stuck-run')
    .option('-i, --input <name=value>', 'an input of the runbook; may be repeated', collectInput)
    .option('-w, --watch', 'follow it to its end; the exit code is then that of its outcome')
    .addHelpText(
      'after',
      `
Examples:
  runbook trigger stuck-run
  runbook trigger stuck-run --input threshold=5s --watch
  runbook trigger task-failure -i type=transform -o json`,
    )
    .action(async (type: string, options: Options, self: Command) => {
      const client = openClient(terminal)
      const accepted = await client.trigger(type, options.input ?? {})
      const { incident, created, occurrences } = accepted
      const json = wantsJson(self)
      if (json) printJson(terminal, accepted)
      else if (options.watch) terminal.say(sentence(incident, created, occurrences))
      else {
        terminal.print(incident)
        terminal.say(`${sentence(incident, created, occurrences)}; follow it with "runbook watch ${incident}"`)
      }
      if (options.watch) throw new Exit(await watch(terminal, client, incident, json))
    })
}

function sentence(incident: string, created: boolean, occurrences: number): string {
  return created
    ? `${incident} opened`
    : `${incident} is open under the same key: joined it (${occurrences} times by now)`
}
