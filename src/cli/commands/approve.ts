import { Command } from 'commander'
import { openClient } from '../client.ts'
import { Exit } from '../command.ts'
import { gateToDecide } from '../confirm.ts'
import { breakGlassReason } from '../decide.ts'
import { STILL_WAITING } from '../exit-codes.ts'
import { parseIncidentId } from '../incident-id.ts'
import { INCIDENT_ARGUMENT, WATCH_OPTION, printJson, wantsJson } from '../output.ts'
import { parseTargets } from '../targets-option.ts'
import type { Terminal } from '../terminal.ts'
import { watch } from '../watch.ts'

interface Options {
  digest?: string
  targets?: string[]
  comment?: string
  breakGlass?: true
  reason?: string
  watch?: true
}

export function command(terminal: Terminal): Command {
  return new Command('approve')
    .description(
      'Approve the open proposal of an incident. Without --digest, the proposal is shown and you are asked to confirm.',
    )
    .argument(...INCIDENT_ARGUMENT, parseIncidentId)
    .option('-d, --digest <digest>', 'digest of the proposal, or its first 12 digits: approve without asking')
    .option('--targets <keys>', 'approve only these targets, separated by commas (default: all)', parseTargets)
    .option('-c, --comment <text>', 'stored with the decision')
    .option(
      '--break-glass',
      'approve without the required approvers, if your groups may; needs --reason, is announced and marked in the review',
    )
    .option('--reason <text>', 'with --break-glass: why it cannot wait (at least 20 characters)')
    .option(...WATCH_OPTION)
    .addHelpText(
      'after',
      '\nExit code 8: more approvals are needed. With --watch and without a terminal,\nit can also mean that the incident waits for a person again.\n\nExamples:\n  runbook approve 142\n  runbook approve 142 --watch\n  runbook approve 142 --targets run-7,run-8\n  runbook approve 142 --digest 3f9ac01b22d4',
    )
    .action((id: string, options: Options, self: Command) => approve(terminal, id, options, wantsJson(self)))
}

async function approve(terminal: Terminal, id: string, options: Options, json: boolean): Promise<void> {
  const { targets, comment } = options
  const breakGlass = breakGlassReason(options)
  const client = openClient(terminal)
  const gate = await gateToDecide(terminal, client, id, options, 'Approve')
  const decided = await client.decide(id, {
    gate: gate.id,
    proposalDigest: gate.proposalDigest,
    decision: 'approve',
    targets,
    comment,
    breakGlass,
  })
  if (json) printJson(terminal, decided)
  const { state, approvals, required } = decided
  const follow = options.watch ? '' : `. Follow it with "runbook watch ${id}".`
  if (state === 'open')
    terminal.log(
      `${gate.id}: your approval is stored (${approvals} of ${required}); ${required - approvals} more needed`,
    )
  else terminal.log(`${gate.id} is ${state} (${approvals} of ${required})${follow}`)
  // Without a terminal, nobody can give the missing approvals in this command.
  if (state === 'open' && !(options.watch && terminal.interactive)) throw new Exit(STILL_WAITING)
  if (options.watch) throw new Exit(await watch(terminal, client, id, json, gate.id))
}
