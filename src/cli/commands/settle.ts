import { Command, Option } from 'commander'
import { RunbookError } from '../../core/errors.ts'
import { visibleLine } from '../../core/displayable.ts'
import { openClient, type Client } from '../client.ts'
import { parseEffect, type EffectName } from '../effect-name.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, printJson, wantsJson } from '../output.ts'
import type { Terminal } from '../terminal.ts'

interface Options {
  effect?: EffectName
  as: 'applied' | 'refused'
  comment: string
}

export function command(terminal: Terminal): Command {
  return new Command('settle')
    .description(
      'Record the real result of an effect that is unknown, because nobody observed how it ended. Check the diagnosed system first. The command changes only the history.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-e, --effect <action/target>', 'the effect (default: the only one that is unknown)', parseEffect)
    .addOption(
      new Option('--as <result>', 'required: the result that you found; refused means that nothing was changed')
        .choices(['applied', 'refused'])
        .makeOptionMandatory(),
    )
    .requiredOption('-c, --comment <text>', 'how you found out (required); stored in the history')
    .addHelpText(
      'after',
      '\nExample:\n  runbook settle 142 --effect 0-process.run/worker-2 --as applied --comment "it was restarted at 03:14"',
    )
    .action(async (id: string, { effect, as, comment }: Options, self: Command) => {
      const client = openClient(terminal)
      const named = effect ?? (await onlyUnknown(client, id))
      const settled = await client.settle(id, { ...named, result: as, comment })
      if (wantsJson(self)) printJson(terminal, settled)
      terminal.log(visibleLine(`${settled.action} on ${settled.target} is ${settled.result}: ${settled.detail}`))
    })
}

async function onlyUnknown(client: Client, id: string): Promise<EffectName & { gate: string }> {
  const { rounds } = await client.show(id)
  const unknown = rounds.flatMap(({ gate, effects }) =>
    effects
      .filter(({ result }) => result === 'unknown')
      .map(({ action, target }) => ({ gate: gate?.id ?? '', action, target })),
  )
  if (unknown.length === 1) return unknown[0]!
  if (unknown.length === 0)
    throw new RunbookError(
      'RUNBOOK_CONFLICT',
      `${id} has no unknown effect. "runbook show ${id} --full" lists its effects.`,
    )
  const names = unknown.map(({ action, target }) => `${action}/${target}`).join(', ')
  throw new RunbookError(
    'RUNBOOK_BAD_INPUT',
    `${id} has several unknown effects. Choose one with --effect: ${visibleLine(names)}`,
  )
}
