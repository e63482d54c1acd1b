import { Command } from 'commander'
import { visibleLine } from '../../core/displayable.ts'
import type { Accepted } from '../../history/accept.ts'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { collectInput } from '../inputs.ts'
import { printJson, wantsJson, WATCH_OPTION } from '../output.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

interface Options {
  input?: Record<string, string>
  watch?: true
}

export function command(terminal: Terminal): Command {
  return new Command('trigger')
    .description('Open an incident. If one with the same key is already open, join it.')
    .argument('<incident-type>', 'type of the incident, such as stuck-run')
    .option('-i, --input <name=value>', 'an input of the runbook; may be repeated', collectInput)
    .option(...WATCH_OPTION)
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
      const { incident } = accepted
      const json = wantsJson(self)
      if (json) printJson(terminal, accepted)
      else if (options.watch) terminal.log(sentence(accepted))
      else {
        terminal.print(incident)
        terminal.log(`${sentence(accepted)}. Follow it with "runbook watch ${incident}".`)
      }
      if (options.watch) throw new Exit(await watch(terminal, client, incident, json))
    })
}

function sentence({ incident, created, occurrences, inputs }: Accepted): string {
  if (created) return `${incident} is opened`
  const kept = inputs
    ? `; it keeps its own inputs: ${Object.entries(inputs)
        .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(' ')}`
    : ''
  return visibleLine(
    `joined ${incident}, which is already open with the same key (triggered ${occurrences} times)${kept}`,
  )
}
